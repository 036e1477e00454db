'use strict';

const { randomUUID } = require('node:crypto');
const binding = require('../binding');
const { Form } = require('../books/kinds');
const { ArgumentTypeError, InUseError, OutOfMemoryError, UnsupportedError } = require('../support/errors');
const { access, transfer } = require('./tracked-pointer');

const { VIEWED, YES } = binding.protocol.handedOver;

function checkMovable({ label, form, type }, slot) {
  if (type?.sameThread) {
    throw new UnsupportedError(`Cannot hand over a pointer (${label}) that is for this thread only`);
  }
  if (form === Form.JAVASCRIPT) {
    throw new UnsupportedError(
      `Cannot hand over a pointer (${label}) that JavaScript frees: its destructor belongs to this thread. ` +
        `Give the address of a C function as 'free'`,
    );
  }
  if (binding.hasParent(slot) || binding.kept(slot) !== undefined) {
    throw new UnsupportedError(
      `Cannot hand over a pointer (${label}) without what it needs, which must be freed after it and stays in this thread`,
    );
  }
}

/** Gives a pointer to whoever takes it over, in any thread. */
function handOver(pointer) {
  if (!access.isTracked(pointer)) throw new ArgumentTypeError(pointer, 'pointer', 'a TrackedPointer');
  const kind = access.kindOf(pointer);
  const { label, shared } = kind;
  const { args } = kind.destructor;
  const slot = transfer.unusedSlotOf(pointer);
  checkMovable(kind, slot);
  const { size } = pointer;
  const key = randomUUID(); // no other copy of the library, and no other process, must know it by chance
  transfer.send(pointer, () => {
    const answer = binding.handOver(slot, key, label, shared, args);
    if (answer === VIEWED) throw new InUseError(label, 1);
    // Nor must a worker that is being terminated, and goes on for a moment, tell of what is not in transit.
    if (answer !== YES) throw new OutOfMemoryError();
  });
  return Object.freeze({ handedOver: key, label, size });
}

module.exports = { handOver };
