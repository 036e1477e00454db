'use strict';

const { randomUUID } = require('node:crypto');
const binding = require('../binding');
const { Form } = require('../books/kinds');
const { ArgumentTypeError, OutOfMemoryError, UnsupportedError } = require('../support/errors');
const { internals } = require('./tracked-pointer');

function checkBackend() {
  if (binding.handOver !== undefined) return;
  throw new UnsupportedError(
    'Without its native part ffi-tally cannot hand pointers to other threads, which JavaScript cannot see',
  );
}

function checkMovable(label, form, slot) {
  if (form === Form.JAVASCRIPT) {
    throw new UnsupportedError(
      `Cannot hand over a pointer (${label}) that JavaScript frees: its destructor belongs to this thread. ` +
        `Give the address of a C function as 'free'`,
    );
  }
  if (binding.hasParent(slot)) {
    throw new UnsupportedError(
      `Cannot hand over a pointer (${label}) without its parent, which must be freed after it and stays in this thread`,
    );
  }
}

/** Gives a pointer to whoever takes it over, in any thread. */
function handOver(pointer) {
  if (!internals.isTracked(pointer)) throw new ArgumentTypeError(pointer, 'pointer', 'a TrackedPointer');
  checkBackend();
  const { label, shared, destructor } = internals.kindOf(pointer);
  const { form, args } = destructor;
  const slot = internals.unusedSlotOf(pointer);
  checkMovable(label, form, slot);
  const { size } = pointer;
  const key = randomUUID(); // no other copy of the library, and no other process, must know it by chance
  internals.depart(pointer, () => {
    // Nor must a worker that is being terminated, and goes on for a moment, tell of what is not in transit.
    if (binding.handOver(slot, key, label, shared, args) !== true) throw new OutOfMemoryError();
  });
  return Object.freeze({ handedOver: key, label, size });
}

module.exports = { handOver };
