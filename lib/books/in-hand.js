'use strict';
// The pointer that C has returned last, until the books have it. JavaScript can be stopped on the way there: where the
// stack is full the next call throws, and in a worker that is being terminated it never begins. Then native code frees it:
// at the worker's end, or when there is room again.
//
// Nothing that may call C in turn may run meanwhile: what is in hand when C is called next was lost.

const binding = require('../binding');
const calls = require('./c-calls');
const { Form, kinds: table } = require('./kinds');
const { HAND, columns, hand } = require('./nursery');

const { NO_SLOT, WAITING } = binding.protocol.nursery;
const { addresses, kinds, slots } = columns;

/** Frees what was lost. */
function recover() {
  if (slots[HAND] === WAITING) calls.runDestructor(binding.freeInHand);
}

/** A function that does what `raw` does, and has in hand the pointer of `kind` that it returns. */
function inHand(raw, kind) {
  if (kind.form !== Form.DIRECT && kind.form !== Form.BOUND) return raw;
  const { id } = kind;
  return function () {
    if (slots[HAND] === WAITING) recover();
    table.pin(kind);
    const result = raw.apply(undefined, arguments);
    if (typeof result === 'bigint' && result !== 0n) {
      addresses[HAND] = result;
      kinds[HAND] = id;
      hand.kind = kind;
      slots[HAND] = WAITING;
    }
    return result;
  };
}

/** What is in hand has another owner, or does without: something of the user's is about to run. */
function letGo() {
  slots[HAND] = NO_SLOT;
}

module.exports = { inHand, letGo, recover };
