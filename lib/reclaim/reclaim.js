'use strict';
// When memory is given back: under pressure at once, in the event loop a slice at a time.

const binding = require('../binding');
const calls = require('../books/c-calls');
const { tellCollection, tellFreed, tellSweep } = require('../books/channels');
const { recover } = require('../books/in-hand');
const { nursery } = require('../books/nursery');
const { readUnowned } = require('../books/unowned');
const { SLICE, defer, drain, drainSlice, scripts } = require('./destroy');
const gc = require('./gc');
const turn = require('./turn');

const { MINOR, MAJOR, SWEEP, FOR_ALL } = binding.protocol.advice;
const NONE = 0; // of a collection that nobody has asked for
const COLLECT = MINOR | MAJOR;
// Milliseconds that a pointer may take for memory that nobody has said.
const LONG_SLICE = 10;

/** Finds the dead for `sweepFor` milliseconds and frees for `freeFor`. Returns whether all are found and freed. */
function sweepAndFree(sweepFor, freeFor, atBottom = false) {
  if (nursery.handlesStale) nursery.publishSlots();
  const swept = tellSweep(() => binding.sweep(sweepFor));
  const freed = tellFreed(() => drain(freeFor, atBottom));
  return swept && freed;
}

/** Tells the pacer what came of the collections until now. Returns the next advice. */
function conclude(asked) {
  readUnowned();
  const { used, pages } = gc.heapSize();
  return binding.collected(asked, used, pages);
}

/** Finds the dead, frees for that long, and tells the pacer. Returns the next advice. */
function reclaim(asked, freeFor = Infinity) {
  if (!sweepAndFree(Infinity, freeFor)) turn.schedule();
  return conclude(asked);
}

/** The same for a slice. Returns whether there is nothing left to do now. */
function slice(atBottom = false) {
  const isDone = sweepAndFree(SLICE, SLICE, atBottom);
  if (isDone) conclude(NONE);
  return isDone;
}

/** Asks for minor GCs. A runtime may have none, or one that does not clear weak references. */
class Minors {
  static #ENOUGH_MISSES = 3; // that emptied none, one after the other
  #misses = 0;

  /** REQUIRES: gc.canCollect(). */
  collect() {
    tellCollection('minor', gc.collectMinor);
    if (binding.observe()) {
      this.#misses = 0;
    } else if (++this.#misses === Minors.#ENOUGH_MISSES) {
      binding.setCapabilities(false, true);
    }
  }
}

const minors = new Minors();

/** Asks for a major GC. REQUIRES: gc.canCollect(). */
function collectMajor() {
  if (nursery.handlesStale) nursery.publishSlots();
  tellSweep(() => binding.watchEach()); // which finds what a collection of V8's own has left dead
  binding.announceMajor();
  tellCollection('major', gc.collectMajor);
  binding.noteMajor();
  scripts.retry();
}

/** Collects, if that can be asked for, and frees what is dead: all of it, or for `freeFor` milliseconds. */
function collectNow(type, freeFor = Infinity) {
  if (!gc.canCollect()) {
    reclaim(NONE, freeFor);
  } else if (type === 'minor') {
    binding.watchEach();
    minors.collect();
    reclaim(MINOR, freeFor);
  } else {
    collectMajor();
    reclaim(MAJOR, freeFor);
  }
}

/**
 * Does what an advice asks for. What does not fit into a slice is freed by the next pointers, a slice each: no one of them
 * pays for all.
 */
function relieve(advice) {
  if (!calls.isIdle) {
    defer();
    return;
  }
  if ((advice & COLLECT) === 0) {
    if ((advice & SWEEP) !== 0 && !slice()) turn.schedule();
    return;
  }
  if ((advice & FOR_ALL) !== 0) return relieveAll(advice);
  while ((advice & COLLECT) !== 0) {
    const can = gc.canCollect();
    if (can === undefined) {
      turn.schedule();
      return;
    }
    if (!can) {
      binding.setCapabilities(false, false);
      advice = reclaim(NONE, SLICE);
    } else if ((advice & MAJOR) !== 0) {
      collectMajor();
      reclaim(MAJOR, SLICE);
      return; // what a major GC left is alive: asking again at once would return nothing
    } else {
      minors.collect();
      advice = reclaim(MINOR, SLICE);
    }
  }
}

/** The same for the process, which waits for what this thread can free. */
function relieveAll(advice) {
  const can = gc.canCollect();
  if (can === undefined) return turn.schedule();
  if (!can) {
    binding.setCapabilities(false, false); // so that the process does not wait
    return follow();
  }
  const start = binding.threadCpuTime();
  nursery.flush(); // what it holds cannot be collected
  advice = binding.reconsider(gc.heapSize().pages);
  if ((advice & FOR_ALL) === 0) return relieve(advice); // the JavaScript heap has grown
  // Far from a limit, no pointer pays for all.
  collectNow((advice & MAJOR) !== 0 ? 'major' : 'minor', binding.isNearLimit() ? Infinity : LONG_SLICE);
  binding.spendOnCollections(binding.threadCpuTime() - start);
}

/** Does what is advised now. */
function follow() {
  const advice = binding.advise();
  if (advice !== 0) relieve(advice);
}

function freeDeferred() {
  drainSlice();
  follow();
}

function takeTurn() {
  recover();
  if (!slice(true)) turn.schedule();
}

calls.onIdle(freeDeferred);
turn.onTurn(takeTurn, () => scripts.cutOff());
binding.onDead(turn.onDead);

module.exports = { collectNow, follow, relieve };
