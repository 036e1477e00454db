'use strict';
// The one way in which a native pointer becomes a tracked one.

const binding = require('./binding');
const { OutOfMemoryError, OverflowError } = require('./errors');
const { Form } = require('./kinds');
const nursery = require('./nursery');
const { beat, destructors, relieve } = require('./reclaim');
const { internals } = require('./tracked-pointer');

internals.forget = (slot) => destructors.delete(slot);

/** Frees a pointer that could not be tracked. */
function free(address, size, kind, run = kind.run) {
  if (kind.form !== Form.JAVASCRIPT) binding.free(kind.id, address, size);
  else run(address);
}

/** Runs `body`; when it throws, frees the pointer before the error goes on. */
function freeOnError(address, size, kind, run, error) {
  try {
    free(address, size, kind, run);
  } catch {
    // The first error is the one to tell.
  }
  return error;
}

/**
 * Takes ownership of `address`. `run` is a JavaScript destructor of this pointer alone, or null.
 * If it cannot be tracked it is freed, and then the error is thrown.
 */
function adopt(address, size, kind, parent, run) {
  const parentSlot = parent === null ? nursery.NO_SLOT : internals.slotOf(parent);
  const pointer = internals.make(address, kind);
  const advice = nursery.enter(pointer, address, size, kind, parentSlot);
  if (advice === 0) {
    if (run !== null) destructors.set(internals.slotOf(pointer), run);
    return pointer;
  }
  if (advice >= nursery.NO_MEMORY) {
    internals.takeBack(pointer, null);
    const error = advice === nursery.TOO_MUCH ? new OverflowError(size) : new OutOfMemoryError();
    throw freeOnError(address, size, kind, run ?? kind.run, error);
  }
  beat();
  if (run !== null) destructors.set(internals.slotOf(pointer), run);
  relieve(advice);
  return pointer;
}

module.exports = { adopt, freeOnError };
