'use strict';
// By how much calls make something grow: what a meter has counted in this thread, or what the allocator of the process has
// in use.

const binding = require('../../binding');

class Growth {
  #read;
  #inner = 0; // what calls within the present one have grown
  #own; // what the last call has grown, without those within it, until somebody takes it

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
    const grown = this.#read() - before;
    this.#own = grown - this.#inner;
    this.#inner = outer + grown;
  }

  /** What the call that has ended has grown; undefined for one that was not watched, or if it was taken. */
  take() {
    const grown = this.#own;
    this.#own = undefined;
    return grown;
  }
}

const ofMeters = new Map();

/** What the meter of that index counts in this thread. */
function meterGrowth(index) {
  let growth = ofMeters.get(index);
  if (growth === undefined) ofMeters.set(index, (growth = new Growth(() => binding.ownNet(index))));
  return growth;
}

const allocatorGrowth = new Growth(() => binding.inUse());

/** Begins to watch a call for each of `growths`. Returns the function that is to be called after it. */
function watch(growths) {
  const marks = growths.map((growth) => growth.begin());
  return () => growths.forEach((growth, i) => growth.end(marks[i]));
}

module.exports = { allocatorGrowth, meterGrowth, watch };
