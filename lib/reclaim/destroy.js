'use strict';
// Destructors run here and nowhere else: those of pointers that are disposed of, that are dead, or that could not be
// tracked. Of what is dead, only while no C call of ours is on the stack.

const { inspect } = require('node:util');
const binding = require('../binding');
const calls = require('../books/c-calls');
const { destructorErrors } = require('../books/channels');
const checked = require('../books/checked');
const { Form } = require('../books/kinds');
const { nursery } = require('../books/nursery');
const { haveRoom } = require('../books/stack-room');
const watched = require('../books/watched');
const clock = require('../support/clock');
const { DestructorError } = require('../support/errors');
const { background } = require('./background');
const turn = require('./turn');

const { DONE, MORE } = binding.protocol.drained;
const { disposed } = binding.protocol;

// Milliseconds that a slice may take from the event loop, and from a track() that is not under pressure. A request
// meets several of them when a server is busy.
const SLICE = 0.5;

const announced = new Set();

function announce(
  label,
  error,
  state = error instanceof DestructorError ? '' : 'The pointer counts as freed. ',
) {
  if (destructorErrors.hasSubscribers) destructorErrors.publish({ label, error });
  if (announced.has(label)) return;
  announced.add(label);
  process.emitWarning(`A destructor of '${label}' failed: ${inspect(error)}`, {
    type: 'FfiTallyWarning',
    code: 'FFI_TALLY_DESTRUCTOR',
    detail: `${state}Further failures of this account are counted, not announced.`,
  });
}

/**
 * Runs the destructor of `slot`, of which the result says whether it has freed. Returns undefined if it has, and otherwise
 * { error, stays }: what is announced, undefined if a callback threw, which is; and whether the memory is still there.
 */
function attempt(slot) {
  const told = calls.runDestructor(binding.runNative, slot);
  if (told === true) return undefined;
  if (told === false) return { error: undefined, stays: false };
  const { label, ok, retries } = binding.describeFailure(slot);
  const error = new DestructorError(label, told, ok, retries);
  queueMicrotask(() => announce(label, error)); // whose own errors are nobody's here
  return { error, stays: retries };
}

/** The destructors of which JavaScript hears: those in JavaScript, of the pointers that have one; and those that may fail. */
class Scripts {
  #putOff = new Set(); // slots of pointers that could not be freed
  #bySlot = new Map(); // slot -> { slot, run, address, label, block }, see ../books/watched.js
  #running = null; // the one that runs
  #leaving = null; // the slot of which the native destructor runs
  #hasStarted = false; // whether its destructor was called
  #start = (address) => {
    this.#hasStarted = true;
    const { run } = this.#running;
    run(address);
  };

  /** Returns whether hasLost() may be true of it. */
  set({ slot, run, address, label }) {
    const block = watched.watch(address);
    this.#bySlot.set(slot, { slot, run, address, label, block });
    return block !== 0;
  }

  /** Whether C has freed the pointer in `slot`, as far as what C allocates is counted. */
  hasLost(slot) {
    const script = this.#bySlot.get(slot);
    return script !== undefined && watched.isGone(script.block);
  }

  delete(slot) {
    this.#bySlot.delete(slot);
  }

  /** Whether one that runs now comes to its end: what a full stack cuts off counts as done. */
  get haveRoom() {
    return this.#bySlot.size === 0 || haveRoom();
  }

  /** Returns whether there is more to free. */
  run(slot) {
    const script = this.#bySlot.get(slot);
    return script === undefined ? this.#runNative(slot) : this.#runScript(script);
  }

  #runNative(slot) {
    this.#leaving = slot;
    const failure = attempt(slot);
    this.#leaving = null;
    if (!failure?.stays) return binding.settle(slot, failure !== undefined);
    binding.putOff(slot);
    this.#putOff.add(slot);
    return true;
  }

  /** What could not be freed is tried again. */
  retry() {
    for (const slot of this.#putOff) binding.unhold(slot);
    this.#putOff.clear();
  }

  #runScript(script) {
    const { slot, run, address, label } = script;
    this.#bySlot.delete(slot);
    const isGone = (checked.on && !binding.disownBlock(address)) || watched.isGone(script.block);
    if (isGone) return binding.settle(slot, false); // C has freed it
    this.#running = script;
    let failure;
    let failed = false;
    this.#hasStarted = false;
    try {
      binding.runScript(slot, this.#start, address);
      // Node-API calls nothing any more for a thread that is told to end, whose JavaScript goes on for a moment.
      if (!this.#hasStarted) run(address);
    } catch (error) {
      failed = true;
      failure = error;
    }
    this.#running = null;
    const isMore = binding.settle(slot, failed);
    if (failed) queueMicrotask(() => announce(label, failure)); // whose own errors are nobody's here
    return isMore;
  }

  /** One that was cut off counts as failed. */
  cutOff() {
    if (this.#leaving !== null) binding.settle(this.#leaving, true);
    this.#leaving = null;
    if (this.#running === null) return;
    const { slot, label } = this.#running;
    this.#running = null;
    binding.settle(slot, true);
    announce(label, 'it was cut off');
  }
}

const scripts = new Scripts();

function drainFor(milliseconds, atBottom) {
  const deadline = clock.now() + milliseconds;
  // Mutator assist: whoever tracks pointers faster than they are freed goes on. The event loop need not.
  const mustGoOn = () => binding.hasUrgent() || (!atBottom && binding.owesAssist());
  for (let left = milliseconds; left > 0 || mustGoOn(); left = deadline - clock.now()) {
    const result = calls.runDestructor(binding.drain, left > 0 ? left : SLICE);
    if (result === DONE || (result !== MORE && !scripts.run(result))) return true;
  }
  return false;
}

/**
 * Frees what is urgent, and what is ready for that long, or until the mutator assist is paid. Returns whether there is
 * nothing left to do now. `atBottom` of the stack there never is more room than now.
 */
function drain(milliseconds, atBottom = false) {
  if (checked.on) checked.tellLosses();
  if (!calls.isIdle) {
    defer();
    return true;
  }
  if (!atBottom && !scripts.haveRoom) {
    turn.schedule();
    return true;
  }
  const isDone = calls.runDrain(drainFor, milliseconds, atBottom);
  if (background.isUsed) background.watch(drainSlice);
  return isDone;
}

/** There is something to do when the last C call has returned; or has been cut off, which only a turn will tell. */
function defer() {
  calls.defer();
  turn.schedule();
}

/** Frees the pointer at `index` of the nursery. REQUIRES: no C call on the stack uses it; its destructor is native. */
function disposeYoung(index) {
  nursery.forget(index);
  // Not by runDestructor(): a call by name is one that V8 makes without looking at what it calls.
  const outer = calls.beginDestructor();
  try {
    binding.disposeYoung(index);
  } finally {
    calls.endDestructor(outer);
  }
  calls.catchUp();
}

/** Frees what is urgent, and of the rest no more than a slice: nobody pays for all. */
function drainSlice() {
  if (!drain(SLICE)) turn.schedule();
}

function runAlone(slot) {
  const result = calls.runDestructor(binding.disposeAlone, slot);
  if (result !== DONE) scripts.run(result);
}

/** Ends the pointer in `slot`. Unless something holds it, it is freed now, but nothing that it lets go is. */
function disposeAlone(slot) {
  calls.runDrain(runAlone, slot);
  defer();
}

/**
 * Frees a pointer that has a slot, and what it lets go. Returns whether it is held, and then has done nothing but end it.
 * REQUIRES: no C call is on the stack; its destructor is native.
 */
function disposeSlot(slot) {
  const outer = calls.beginDestructor();
  let left;
  try {
    left = binding.dispose(slot);
  } finally {
    calls.endDestructor(outer);
  }
  if (left === disposed.HELD) return true;
  if (left === disposed.MORE) drainSlice();
  if (background.isUsed) background.watch(drainSlice);
  if (checked.on) checked.tellLosses();
  calls.catchUp();
  return false;
}

/** Frees a pointer that could not be tracked. `run` is its destructor, if that is JavaScript's. */
function freeUntracked(kind, address, size, run) {
  if (kind.form === Form.JAVASCRIPT) run(address);
  else calls.runDestructor(() => binding.free(kind.id, address, size));
}

/** The same for one that has not even a kind. */
function freeWithoutKind({ form, address: code, args, run }, address, size) {
  if (form === Form.JAVASCRIPT) run(address);
  else calls.runDestructor(() => binding.freeOnce(form, code, args, address, size));
}

module.exports = {
  SLICE,
  announce,
  attempt,
  defer,
  disposeAlone,
  disposeSlot,
  disposeYoung,
  drain,
  drainSlice,
  freeUntracked,
  freeWithoutKind,
  scripts,
};
