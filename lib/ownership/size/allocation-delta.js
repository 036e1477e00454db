'use strict';
// How many bytes a call has allocated by a meter, in this thread, and not freed.

const binding = require('../../binding');

class AllocationDelta {
  #read;
  #inner = 0; // bytes of the calls within the present one
  #own; // bytes of the last call, without those within it, until somebody takes them

  constructor(read) {
    this.#read = read;
  }

  /** A call begins. Returns what end() wants. */
  begin() {
    const mark = { before: this.#read(), outer: this.#inner };
    this.#inner = 0;
    return mark;
  }

  end({ before, outer }) {
    const bytes = this.#read() - before;
    this.#own = bytes - this.#inner;
    this.#inner = outer + bytes;
  }

  /** The bytes of the call that has ended; undefined for one that was not watched, or if they were taken. */
  take() {
    const bytes = this.#own;
    this.#own = undefined;
    return bytes;
  }
}

const ofMeters = new Map();

/** What the meter of that index counts in this thread. */
function meterDelta(index) {
  let delta = ofMeters.get(index);
  if (delta === undefined) ofMeters.set(index, (delta = new AllocationDelta(() => binding.ownNet(index))));
  return delta;
}

/** Begins to watch a call for each of `deltas`. Returns the function that is to be called after it. */
function watch(deltas) {
  const marks = deltas.map((delta) => delta.begin());
  return () => deltas.forEach((delta, i) => delta.end(marks[i]));
}

module.exports = { meterDelta, watch };
