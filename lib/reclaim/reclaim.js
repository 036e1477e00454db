'use strict';
// When memory is given back: under pressure at once, in the event loop a slice at a time. Destructors
// run here and nowhere else, and only while no C call of ours is on the stack.

const { performance } = require('node:perf_hooks');
const { setImmediate } = require('node:timers');
const { inspect } = require('node:util');
const binding = require('../binding');
const calls = require('../books/c-calls');
const { destructorErrors, tellCollection, tellFreed, tellSweep } = require('../books/channels');
const { hasScripts, kindById, unpinIdle } = require('../books/kinds');
const nursery = require('../books/nursery');
const { isWatching, look } = require('../books/unowned');
const { hasRoom, isFirst } = require('../support/stack');
const gc = require('./gc');

// Milliseconds that a slice may take from the event loop, and from a track() that is not under pressure. A request
// meets several of them when a server is busy.
const SLICE = 0.5;
const DONE = -1;
const MORE = -2;
const MINOR = 1;
const MAJOR = 2;
const SWEEP = 4;

const warned = new Set();
const { FinalizationRegistry } = globalThis;

/** JavaScript destructors that belong to one pointer, by slot. */
const destructors = new Map();

function announce(label, error) {
  if (destructorErrors.hasSubscribers) destructorErrors.publish({ label, error });
  if (warned.has(label)) return;
  warned.add(label);
  process.emitWarning(`A destructor of '${label}' failed: ${inspect(error)}`, {
    type: 'FfiTallyWarning',
    code: 'FFI_TALLY_DESTRUCTOR',
    detail: 'The pointer counts as freed. Further failures of this account are counted, not announced.',
  });
}

// How far down the stack there was room for a destructor in JavaScript, which is dear to find out.
let roomy = Infinity;

function hasRoomForScript() {
  const here = binding.stackPosition(); // stacks grow downwards
  if (here >= roomy) return true;
  if (!hasRoom()) return false;
  roomy = here;
  return true;
}

// The slot whose destructor JavaScript is running, or NONE.
const NONE = -1;
let running = NONE;

function runDestructor(slot) {
  running = slot;
  const kind = kindById(binding.kindOf(slot));
  const run = destructors.get(slot) ?? kind.run;
  const address = binding.addressOf(slot);
  destructors.delete(slot);
  let failure;
  let failed = false;
  try {
    run(address);
  } catch (error) {
    failed = true;
    failure = error;
  }
  running = NONE;
  binding.settle(slot, failed);
  if (failed) queueMicrotask(() => announce(kind.label, failure)); // whose own errors are nobody's here
}

/** Whether more would be made than is freed, if whoever tracks pointers did not pay. The event loop need not. */
function mustGoOn(bottom) {
  return !bottom && binding.isOverdue();
}

/**
 * Frees what is ready, for that long, or until whoever tracks pointers has paid. Returns whether there is nothing left to
 * do now. At the `bottom` of the stack there never is more room than now.
 */
function drain(milliseconds, bottom = false) {
  if (calls.depth !== 0) {
    defer();
    return true;
  }
  if (!bottom && hasScripts() && !hasRoomForScript()) {
    schedule(); // a destructor that the full stack cuts off would count as done
    return true;
  }
  const deadline = performance.now() + milliseconds;
  calls.depth = 1;
  calls.draining = true;
  try {
    for (let left = milliseconds; left > 0 || mustGoOn(bottom); left = deadline - performance.now()) {
      calls.destroying = true;
      const result = binding.drain(left > 0 ? left : SLICE);
      calls.destroying = false;
      if (result === DONE) return true;
      if (result !== MORE) runDestructor(result);
    }
    return false;
  } finally {
    calls.depth = 0;
    calls.draining = false;
    calls.destroying = false;
  }
}

/** There is something to do when the last C call has returned; or has been cut off, which only a turn will tell. */
function defer() {
  calls.deferred = true;
  schedule();
}

/** The last C call has returned: does what had to wait for it. */
function settleDeferred() {
  calls.deferred = false;
  drain(Infinity);
  const advice = binding.advise();
  if (advice !== 0) relieve(advice);
}

/** Sweeps, frees for that long, and tells the pacer. Returns the next advice. */
function reclaim(asked, milliseconds = Infinity) {
  if (nursery.parting.open) nursery.rejoin();
  tellSweep(() => binding.sweep(Infinity));
  if (!tellFreed(() => drain(milliseconds))) schedule();
  look();
  return binding.collected(asked, gc.heapUsed());
}

// A runtime may have no minor GC to ask for, or one that does not clear weak references: told by this many
// that emptied none, one after the other.
const ENOUGH_MISSES = 3;
let misses = 0;

/** Asks for a minor GC. REQUIRES: gc.canCollect(). */
function collectMinor() {
  tellCollection('minor', gc.collectMinor);
  if (binding.observe()) {
    misses = 0;
  } else if (++misses === ENOUGH_MISSES) {
    binding.setCapabilities(false, true);
  }
}

/** REQUIRES: gc.canCollect(). */
function collectMajor() {
  if (nursery.parting.open) nursery.rejoin();
  tellSweep(() => binding.watchEach()); // which finds what a collection of V8's own has left dead
  binding.announceMajor();
  tellCollection('major', gc.collectMajor);
  binding.noteMajor();
}

/** Does what an advice asks for. */
function relieve(advice) {
  if (calls.depth !== 0) {
    defer();
    return;
  }
  if ((advice & (MINOR | MAJOR)) === 0) {
    if ((advice & SWEEP) !== 0 && !slice()) schedule();
    return;
  }
  while ((advice & (MINOR | MAJOR)) !== 0) {
    const can = gc.canCollect();
    if (can === undefined) {
      schedule();
      return;
    }
    if (!can) {
      binding.setCapabilities(false, false);
      advice = reclaim(0);
    } else if ((advice & MAJOR) !== 0) {
      collectMajor();
      reclaim(MAJOR);
      return; // what a major GC left is alive: asking again at once would return nothing
    } else {
      // What does not fit into a slice is freed by the next pointers, a slice each: no one of them pays for all.
      collectMinor();
      advice = reclaim(MINOR, SLICE);
    }
  }
}

function slice(bottom = false) {
  if (nursery.parting.open) nursery.rejoin();
  const swept = tellSweep(() => binding.sweep(SLICE));
  const drained = tellFreed(() => drain(SLICE, bottom));
  if (!swept || !drained) return false;
  look();
  binding.collected(0, gc.heapUsed());
  return true;
}

let scheduled = false;

function schedule() {
  if (scheduled) return;
  // Not unref'd: an idle loop would never come back for the next slice.
  setImmediate(turn);
  scheduled = true; // now, because a full stack may have refused
}

function turn() {
  scheduled = false;
  if (calls.depth !== 0) {
    if (!isFirst(turn)) return; // C runs the event loop: when it returns, what was deferred will be done
    unwind();
  }
  if (!slice(true)) schedule();
}

/**
 * A C call or a destructor was cut off: a timeout of node:vm, or Ctrl+C there, takes JavaScript off the stack without
 * letting it clean up. A destructor counts as failed then.
 */
function unwind() {
  calls.depth = 0;
  calls.deferred = false;
  calls.draining = false;
  calls.destroying = false;
  if (running === NONE) return;
  const { label } = kindById(binding.kindOf(running));
  binding.settle(running, true);
  running = NONE;
  announce(label, 'it was cut off');
}

// The heartbeat: a FinalizationRegistry hears of major GCs only, and from the event loop, where nobody
// may be tracking anything that would notice the dead. It is rooted while there is anything to free,
// because a registry that can be collected never fires: under Jest the whole module may be dropped.
const heart = { beating: false };
const heartbeat = new FinalizationRegistry(() => {
  nursery.flush();
  binding.noteMajor();
  schedule();
  unpinIdle();
  heart.beating = binding.stats().pointers > 0 || isWatching();
  if (heart.beating) heartbeat.register({}, undefined);
  else binding.root(undefined);
});

function beat() {
  if (heart.beating) return;
  binding.root(heartbeat);
  heartbeat.register({}, undefined);
  heart.beating = true; // now, because a full stack may have refused
}

binding.onDead(schedule);

module.exports = {
  announce,
  beat,
  collectMajor,
  collectMinor,
  destructors,
  drain,
  heart,
  reclaim,
  relieve,
  settleDeferred,
};
