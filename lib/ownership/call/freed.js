'use strict';
// A destructor called by hand: how a pointer is disposed of in C's own words.

const calls = require('../../books/c-calls');
const watched = require('../../books/watched');
const { access } = require('../../pointers/tracked-pointer');
const { scripts } = require('../../reclaim/destroy');
const { UnsupportedError } = require('../../support/errors');

const ROLES = ['borrow', 'consume', 'change'];

/** The number of the argument that a call of `plan` frees, because the function is its destructor; -1 for none. */
function findFreed({ params, frees }, converts, args) {
  for (let i = 0; i < params.length; i++) {
    if (!ROLES.includes(params[i]?.role)) continue;
    if (!access.isTracked(args[i]) || !frees(access.kindOf(args[i]).destructor, i)) continue;
    converts[i](args[i]); // for its complaints
    return i;
  }
  return -1;
}

/** Throws if the call would free what is in the array `value`, the argument `i`, and nobody would know. */
function refuseFreedInside({ frees }, value, i, where) {
  for (const inside of Array.isArray(value) ? value : []) {
    if (!access.isTracked(inside)) continue;
    const { label, destructor } = access.kindOf(inside);
    if (!frees(destructor, i, destructor.placeAt)) continue;
    throw new UnsupportedError(`Declare ${where} as '_Inout_ ${label} *': C frees what is there`);
  }
}

// What was lent to the calls that are on the stack, of those whose destructors are JavaScript. An array that is emptied would
// need memory again.
const lent = [];
let count = 0;

/** `value` ends if it is a pointer that C has freed, where its destructor is JavaScript, which then does not run. */
function endIfLost(value) {
  if (access.isTracked(value) && !value.disposed && scripts.hasLost(access.slotOf(value))) value.dispose();
}

/** A call that may free `pointer` is about to begin. Which functions its destructor calls nobody knows. */
function lookAfterCall(pointer) {
  if (calls.isIdle) return; // its caller will look
  lent[count++] = pointer;
  calls.lookLater();
}

calls.onReturned(() => {
  const all = watched.hasLost() ? lent.slice(0, count) : null;
  while (count > 0) lent[--count] = null;
  all?.forEach(endIfLost);
});

module.exports = { endIfLost, findFreed, lookAfterCall, refuseFreedInside };
