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

/**
 * Lines of code by which `result`, which C has returned, is in hand if it is a pointer: of the kind `held`, with the number
 * `heldId`. There is no call in them: JavaScript could be stopped there. They use these names.
 */
const LINES = `
    if (typeof result === 'bigint') {
      addresses[${HAND}] = result;
      kinds[${HAND}] = heldId;
      hand.kind = held;
      slots[${HAND}] = ${WAITING};
    }`;
const names = { addresses, hand, kinds, slots };

/** What is in hand has another owner, or does without: something of the user's is about to run. */
function letGo() {
  slots[HAND] = NO_SLOT;
}

module.exports = { LINES, expect, letGo, names, recover };
