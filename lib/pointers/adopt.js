'use strict';
// The one way in which a native pointer becomes a tracked one.

const binding = require('../binding');
const checked = require('../books/checked');
const { letGo } = require('../books/in-hand');
const { kinds } = require('../books/kinds');
const { NO_SLOT, Refusal, nursery, throwRefusal } = require('../books/nursery');
const { traced, tracing } = require('../books/trace');
const { gauges, look, readUnowned } = require('../books/unowned');
const { Unusual, unusual } = require('../books/unusual');
const { freeUntracked, freeWithoutKind } = require('../reclaim/destroy');
const majorListener = require('../reclaim/major-listener');
const nurseryTurn = require('../reclaim/nursery-turn');
const { refuseAtGauge, relieveGauges } = require('../reclaim/gauges');
const { relieve } = require('../reclaim/reclaim');
const { collectUnderStress, stress } = require('../reclaim/stress');
const { opened } = require('./opened-scope');
const { access, creation } = require('./tracked-pointer');

/** Runs `free` for a pointer that could not be tracked because of `error`, if it has no other owner. Returns that error. */
function freeUnlessOwned(address, shared, error, free) {
  if (checked.on && checked.owner(address, shared) !== undefined) {
    letGo();
    return error;
  }
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
  if (unusual.reasons === 0 && parentSlot === NO_SLOT && run === null && nursery.hasRoom(size, kind)) {
    return adoptYoung(address, size, kind);
  }
  return entered(enter(address, size, kind, parentSlot, run));
}

function entered(pointer) {
  if (opened.innermost !== null) opened.add(pointer);
  if (stress.on) collectUnderStress();
  return pointer;
}

function enter(address, size, kind, parentSlot, run) {
  majorListener.listen();
  if (tracing.on) return enterTraced(address, size, kind, parentSlot, run);
  return enterUntraced(address, size, kind, parentSlot, run);
}

function enterTraced(address, size, kind, parentSlot, run) {
  letGo(); // the program may have a say in what a stack trace is
  const own = traced(kind, size);
  const pointer = enterUntraced(address, size, own, parentSlot, run);
  if (own.place !== null) require('./last-use').begin(pointer, own.place);
  return pointer;
}

function enterUntraced(address, size, kind, parentSlot, run) {
  if (gauges.size > 0 && look.isDue) return enterWithLook(address, size, kind, parentSlot, run);
  return enterBooks(address, size, kind, parentSlot, run);
}

/** The same for a pointer at which gauges are read: what has grown may be theirs alone. */
function enterWithLook(address, size, kind, parentSlot, run) {
  letGo(); // gauges are functions of the program's
  try {
    look.take();
    refuseAtGauge();
  } catch (error) {
    const told = freeOnError(address, size, kind, run ?? kind.run, error);
    readUnowned(); // which have got its bytes back
    throw told;
  }
  const isFull = binding.live() > binding.limit(); // which the nursery would not notice
  const pointer = isFull
    ? adoptSlowly(address, size, kind, parentSlot, run ?? kind.run)
    : enterBooks(address, size, kind, parentSlot, run);
  relieveGauges();
  return pointer;
}

function enterBooks(address, size, kind, parentSlot, run) {
  if (parentSlot === NO_SLOT && run === null && nursery.hasRoom(size, kind)) {
    return armed(adoptYoung(address, size, kind));
  }
  return adoptSlowly(address, size, kind, parentSlot, run ?? kind.run);
}

function armed(pointer) {
  if (unusual.has(Unusual.UNARMED)) nurseryTurn.arm(); // now, because hooks of async_hooks may run
  return pointer;
}

/** The same where the nursery has room. */
function adoptYoung(address, size, kind) {
  try {
    kinds.pin(kind); // a worker's end may unload the library before it frees what is in the nursery
    return creation.makeYoung(address, size, kind);
  } catch (error) {
    throw freeOnError(address, size, kind, null, error); // the stack is full
  }
}

/**
 * Takes ownership of `address` before the user is asked for its size, or its parent: he may be stopped. Returns null where
 * that cannot be.
 */
function adoptUnsized(address, kind) {
  if (unusual.reasons === 0 && nursery.hasPlace(kind)) return adoptYoung(address, 0, kind);
  return adoptUnsizedSlowly(address, kind);
}

function adoptUnsizedSlowly(address, kind) {
  if (!unusual.has(Unusual.TRACED | Unusual.CHECKED | Unusual.GAUGED)) {
    majorListener.listen();
    if (!nursery.hasPlace(kind)) nursery.flush();
    if (nursery.hasPlace(kind)) return armed(adoptYoung(address, 0, kind));
  }
  letGo(); // he may call C
  return null;
}

/** What adopt() does, after adoptUnsized() has returned `pointer`. */
function adoptSized(pointer, address, size, kind) {
  if (pointer !== null) {
    if (creation.resize(pointer, size)) return unusual.reasons === 0 ? pointer : entered(pointer);
    creation.takeOut(pointer, kind);
  }
  return adopt(address, size, kind, NO_SLOT, null);
}

function adoptSlowly(address, size, kind, parentSlot, run) {
  kind = kinds.current(kind);
  if (checked.on) checked.admit(address, kind, parentSlot !== NO_SLOT);
  const pointer = creation.make(address, kind);
  try {
    const refusal = creation.enter(pointer, size, kind, parentSlot, run);
    if (refusal !== Refusal.NONE) throwRefusal(refusal, size);
  } catch (error) {
    creation.discard(pointer);
    throw freeOnError(address, size, kind, run, error);
  }
  const { advice } = nursery;
  if (run !== null) binding.captureContext(access.slotOf(pointer));
  if (checked.on) checked.note(address, kind, access.slotOf(pointer));
  armed(pointer); // last: it takes more of the stack than all before, and hooks may run
  if (advice !== 0) relieve(advice);
  return pointer;
}

module.exports = { adopt, adoptSized, adoptUnsized, freeOnError, freeOnce };
