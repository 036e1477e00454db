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
 * Takes ownership of `address`. `parentSlot` is a slot that is not free, or NO_SLOT; `run` a JavaScript
 * destructor of this pointer alone, or null. If it cannot be tracked it is freed, and then the error is
 * thrown.
 */
function adopt(address, size, kind, parentSlot, run) {
  beat();
  const pointer = internals.make(address, kind);
  let advice;
  try {
    advice = internals.enter(pointer, size, kind, parentSlot);
    nursery.refused(advice, size);
  } catch (error) {
    internals.discard(pointer);
    throw freeOnError(address, size, kind, run ?? kind.run, error);
  }
  if (run !== null) destructors.set(internals.slotOf(pointer), run);
  if (advice !== 0) relieve(advice);
  return pointer;
}

module.exports = { adopt, freeOnError };
