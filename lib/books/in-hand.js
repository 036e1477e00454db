'use strict';
// The pointer that C has returned last, until the books have it. JavaScript can be stopped on the way there: where the
// stack is full the next call throws, and in a worker that is being terminated it never begins. Then native code frees it:
// at the worker's end, or when there is room again.
//
// Nothing that may call C in turn may run meanwhile: what is in hand when C is called next was lost.

const binding = require('../binding');
const calls = require('./c-calls');
const { kinds: table } = require('./kinds');
const { HAND, columns, hand } = require('./nursery');

const { NO_SLOT, WAITING } = binding.protocol.nursery;
const { addresses, kinds, slots } = columns;

/** Frees what was lost. */
function recover() {
  if (slots[HAND] === WAITING) calls.runDestructor(binding.freeInHand);
}

/** C is about to be called, and may return a pointer of that kind. */
function expect(kind) {
  if (slots[HAND] === WAITING) recover();
  table.pin(kind);
}

/** What C has returned, if it is a pointer, is in hand. */
function hold(result, kind) {
  if (typeof result !== 'bigint') return;
  addresses[HAND] = result;
  kinds[HAND] = kind.id;
  hand.kind = kind;
  slots[HAND] = WAITING;
}

/** What is in hand has another owner, or does without: something of the user's is about to run. */
function letGo() {
  slots[HAND] = NO_SLOT;
}

module.exports = { expect, hold, letGo, recover };
