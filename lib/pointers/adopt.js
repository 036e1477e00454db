'use strict';
// The one way in which a native pointer becomes a tracked one.

const binding = require('../binding');
const calls = require('../books/c-calls');
const checked = require('../books/checked');
const { Form } = require('../books/kinds');
const nursery = require('../books/nursery');
const { traced, tracing } = require('../books/trace');
const { gauges, look } = require('../books/unowned');
const { beat, heart, relieve } = require('../reclaim/reclaim');
const { internals } = require('./tracked-pointer');

/** Runs a destructor in C, during which nothing else is freed. It may be called back from another. */
function destroy(run) {
  const outer = calls.destroying;
  calls.depth++;
  calls.destroying = true;
  try {
    run();
  } finally {
    calls.destroying = outer;
    calls.depth--;
  }
}

/** Frees a pointer that could not be tracked. */
function free(address, size, kind, run = kind.run) {
  if (kind.form === Form.JAVASCRIPT) {
    run(address);
    return;
  }
  destroy(() => binding.free(kind.id, address, size));
}

/** Frees a pointer that could not be tracked because of `error`, if it has no other owner. Returns that error. */
function freeOnError(address, size, kind, run, error) {
  if (checked.on && checked.owner(address, kind.shared) !== undefined) return error;
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
 * thrown; unless it is tracked already.
 */
function adopt(address, size, kind, parentSlot, run) {
  if (!heart.beating) beat();
  if (tracing.on) kind = traced(kind, size);
  if (parentSlot === nursery.NO_SLOT && run === null && nursery.hasRoom(size, kind)) {
    try {
      return internals.makeYoung(address, size, kind);
    } catch (error) {
      throw freeOnError(address, size, kind, null, error); // the stack is full
    }
  }
  return adoptSlowly(address, size, kind, parentSlot, run);
}

function adoptSlowly(address, size, kind, parentSlot, run) {
  if (checked.on) checked.admit(address, kind);
  const pointer = internals.make(address, kind);
  let advice;
  try {
    advice = internals.enter(pointer, size, kind, parentSlot, run);
    nursery.refused(advice, size);
  } catch (error) {
    internals.discard(pointer);
    throw freeOnError(address, size, kind, run ?? kind.run, error);
  }
  if (checked.on) checked.note(address, kind, internals.slotOf(pointer));
  if (gauges.size > 0 && advice === 0) {
    look(); // what has grown may be theirs alone
    advice = binding.advise();
  }
  if (advice !== 0) relieve(advice);
  return pointer;
}

/** The same for a pointer that has not even a kind. */
function freeOnce(address, size, { form, address: code, args, run }, shared, error) {
  if (checked.on && checked.owner(address, shared) !== undefined) return error;
  try {
    if (form === Form.JAVASCRIPT) run(address);
    else destroy(() => binding.freeOnce(form, code, args, address, size));
  } catch {
    // The first error is the one to tell.
  }
  return error;
}

module.exports = { adopt, freeOnError, freeOnce };
