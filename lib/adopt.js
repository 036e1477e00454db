'use strict';
// The one way in which a native pointer becomes a tracked one.

const binding = require('./binding');
const { Form } = require('./kinds');
const nursery = require('./nursery');
const { beat, destructors, relieve } = require('./reclaim');
const { internals } = require('./tracked-pointer');

/** Frees a pointer that could not be tracked. */
function free(address, size, kind, run = kind.run) {
  if (kind.form !== Form.JAVASCRIPT) binding.free(kind.id, address, size);
  else run(address);
}

/** Frees a pointer that could not be tracked because of `error`. Returns that error. */
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
  beat();
  const pointer = internals.make(address, kind);
  let advice;
  try {
    const parentSlot = parent === null ? nursery.NO_SLOT : internals.slotOf(parent);
    advice = internals.enter(pointer, size, kind, parentSlot);
    nursery.refused(advice, size);
  } catch (error) {
    internals.takeBack(pointer, null);
    throw freeOnError(address, size, kind, run ?? kind.run, error);
  }
  if (run !== null) destructors.set(internals.slotOf(pointer), run);
  if (advice !== 0) relieve(advice);
  return pointer;
}

module.exports = { adopt, freeOnError };
