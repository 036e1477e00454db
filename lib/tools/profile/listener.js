'use strict';
// Tells samples which call they are of. It sits between Koffi and the drop-in, and does no more for a call than it must: it
// reads and writes some numbers.

const binding = require('../../binding');
const { callSites, othersAmong, placeOfSite } = require('../../books/trace');
const { loadedLibraries } = require('../../ffi/koffi/observe');
const { callUnmarked, threadBlock } = require('../../ownership/size/counting');
const hook = require('../../pointers/observer-hook');
const { allocators } = require('../audit/allocators');
const { Metering, standIn } = require('../audit/watched');

const { MARK, STALE, SAMPLES } = binding.protocol.threadBlock;
const SOMEBODY = -1; // a mark that is no account
const FRAMES = 40; // ours included
const MOST_PLACES = 20_000;

/** The number of the stack of JavaScript that has called C's function. */
class Stacks {
  #known = new Map();

  numberOf({ name, library }) {
    try {
      const { others, key: where } = othersAmong(callSites(FRAMES));
      const key = `${name}${where}`;
      let number = this.#known.get(key);
      if (number === undefined && this.#known.size < MOST_PLACES) {
        number = binding.profileStack(JSON.stringify({ name, library, frames: others.map(placeOfSite) }));
        this.#known.set(key, number);
      }
      return number ?? 0;
    } catch {
      return 0; // the stack is full
    }
  }
}

class Listener {
  isOn = false;
  problems = new Map(); // library -> why it is not counted
  #metering = new Metering(() => {});
  #block = threadBlock();
  #stacks = new Stacks();
  #running = null; // the function of the innermost call

  turnOn() {
    this.isOn = true;
    for (const library of loadedLibraries()) this.#meter(library);
  }

  #meter({ file, deep }) {
    const problem = this.#metering.problemOf({ file, deep });
    if (problem !== undefined) this.problems.set(file, problem);
  }

  declared(func, facts) {
    this.#meter(facts);
    const { name, library } = facts;
    const of = { name, library: library ?? '', allocator: allocators[name] };
    return standIn(
      func,
      (...args) => (this.isOn ? this.#call(of, func, args) : func(...args)),
      (...args) => func.async(...args),
    );
  }

  call(name, func, args) {
    const allocator = allocators[`koffi.${name}`];
    return this.#call({ name: `koffi.${name}`, library: 'koffi', allocator }, func, args);
  }

  told(name) {
    this.#tell({ name, library: '' });
  }

  #tell(of) {
    binding.profileCalled(of === null ? 0 : this.#stacks.numberOf(of));
  }

  /** What C has made until it calls back is the call's. */
  #calledBack(callback) {
    const listener = this;
    return function (...args) {
      if (listener.#block[SAMPLES] !== 0) listener.#tell(listener.#running);
      return callUnmarked(callback, this, args);
    };
  }

  #call(of, func, args) {
    const block = this.#block;
    const outer = this.#running;
    if (block[SAMPLES] !== 0) this.#tell(outer); // of a call that nobody watches, or of the one that has called back
    if (block[STALE] !== 0) binding.patchNewSlots();
    for (let i = 0; i < args.length; i++) {
      if (typeof args[i] === 'function') args[i] = this.#calledBack(args[i]);
    }
    const { allocator } = of;
    const mark = block[MARK];
    if (mark === 0) block[MARK] = SOMEBODY;
    this.#running = of;
    try {
      if (allocator === undefined) return func(...args);
      allocator.before?.(...args);
      const result = func(...args);
      allocator.after?.(result, ...args);
      return result;
    } finally {
      block[MARK] = mark;
      this.#running = outer;
      if (block[SAMPLES] !== 0) this.#tell(of);
    }
  }
}

let listener = null; // which functions keep that were declared while it was on

/** Listens in this thread, until turnOff(). */
function turnOn() {
  listener ??= new Listener();
  listener.turnOn();
  hook.profiler = listener;
  return listener;
}

/** Functions that are declared from now on are Koffi's own. */
function turnOff() {
  listener.isOn = false;
  hook.profiler = null;
}

module.exports = { turnOff, turnOn };
