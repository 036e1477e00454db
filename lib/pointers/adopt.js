'use strict';
// The one way in which a native pointer becomes a tracked one.

const binding = require('../binding');
const checked = require('../books/checked');
const { kinds } = require('../books/kinds');
const { NO_SLOT, Refusal, nursery, throwRefusal } = require('../books/nursery');
const { traced, tracing } = require('../books/trace');
const { gauges, readUnowned } = require('../books/unowned');
const { freeUntracked, freeWithoutKind } = require('../reclaim/destroy');
const majorListener = require('../reclaim/major-listener');
const nurseryTurn = require('../reclaim/nursery-turn');
const { relieve } = require('../reclaim/reclaim');
const { collectUnderStress, stress } = require('../reclaim/stress');
const { access, creation } = require('./tracked-pointer');

/** Runs `free` for a pointer that could not be tracked because of `error`, if it has no other owner. Returns that error. */
function freeUnlessOwned(address, shared, error, free) {
  if (checked.on && checked.owner(address, shared) !== undefined) return error;
  try {
    free();
  } catch {
    // The first error is the one to tell.
  }
  return error;
}

function freeOnError(address, size, kind, run, error) {
  return freeUnlessOwned(address, kind.shared, error, () => freeUntracked(kind, address, size, run));
}

/** The same for a pointer that has not even a kind. */
function freeOnce(address, size, destructor, shared, error) {
  return freeUnlessOwned(address, shared, error, () => freeWithoutKind(destructor, address, size));
}

/**
 * Takes ownership of `address`. `parentSlot` is a slot that is not free, or NO_SLOT; `run` a JavaScript
 * destructor of this pointer alone, or null. If it cannot be tracked it is freed, and then the error is
 * thrown; unless it is tracked already.
 */
function adopt(address, size, kind, parentSlot, run) {
  const pointer = enter(address, size, kind, parentSlot, run);
  if (stress.on) collectUnderStress();
  return pointer;
}

function enter(address, size, kind, parentSlot, run) {
  if (!majorListener.isListening) majorListener.listen();
  if (tracing.on) kind = traced(kind, size);
  if (parentSlot === NO_SLOT && run === null && nursery.hasRoom(size, kind)) {
    try {
      if (!nurseryTurn.isArmed) nurseryTurn.arm();
      return creation.makeYoung(address, size, kind);
    } catch (error) {
      throw freeOnError(address, size, kind, null, error); // the stack is full
    }
  }
  return adoptSlowly(address, size, kind, parentSlot, run ?? kind.run);
}

function adoptSlowly(address, size, kind, parentSlot, run) {
  kind = kinds.current(kind);
  if (checked.on) checked.admit(address, kind);
  const pointer = creation.make(address, kind);
  try {
    const refusal = creation.enter(pointer, size, kind, parentSlot, run);
    if (refusal !== Refusal.NONE) throwRefusal(refusal, size);
  } catch (error) {
    creation.discard(pointer);
    throw freeOnError(address, size, kind, run, error);
  }
  let { advice } = nursery;
  if (run !== null) binding.captureContext(access.slotOf(pointer));
  if (checked.on) checked.note(address, kind, access.slotOf(pointer));
  if (gauges.size > 0 && advice === 0) {
    readUnowned(); // what has grown may be theirs alone
    advice = binding.advise();
  }
  if (advice !== 0) relieve(advice);
  return pointer;
}

module.exports = { adopt, freeOnError, freeOnce };
