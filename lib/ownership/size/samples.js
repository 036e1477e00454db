'use strict';
// Measurements of what is noisy: other threads allocate and free meanwhile.

const FIRST = 8;
const EVERY = 64;
const KEPT = 16;

class Samples {
  #calls = 0;
  #kept = []; // [measured, declared], the newest last

  /** Whether the call that begins is one of those to be measured: the first ones, and some later. */
  due() {
    const call = this.#calls++;
    return call < FIRST || call % EVERY === 0;
  }

  add(measured, declared = 1) {
    if (this.#kept.length === KEPT) this.#kept.shift();
    this.#kept.push([measured, declared]);
  }

  get count() {
    return this.#kept.length;
  }

  /** The means of the middle half, by what was measured for each byte declared; the rest is noise. At least 0. */
  get means() {
    const ratio = ([measured, declared]) => measured / Math.max(declared, 1);
    const sorted = [...this.#kept].sort((a, b) => ratio(a) - ratio(b));
    const cut = Math.floor(sorted.length / 4);
    const middle = sorted.slice(cut, sorted.length - cut);
    const mean = (which) =>
      Math.round(middle.reduce((sum, sample) => sum + sample[which], 0) / (middle.length || 1));
    return { measured: Math.max(mean(0), 0), declared: mean(1) };
  }
}

module.exports = { Samples };
