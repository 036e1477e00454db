'use strict';
// When to collect for a memory that is not the process's, as that of a GPU: as native/books/pacer.h does, for one gauge.

const { settings } = require('./settings');

class Pace {
  #gauge;
  #budget;
  #base = 0; // least since the last major collection
  #floor = 0; // least since the last of any type
  #minorsPay = true;

  /** `budget` may be null, for that of configure(). */
  constructor(gauge, budget) {
    this.#gauge = gauge;
    this.#budget = budget;
  }

  get budget() {
    return this.#budget ?? settings.budget;
  }

  /** What to collect, now that the gauge has been read: 'minor', 'major' or null. */
  advise() {
    const { bytes } = this.#gauge;
    this.#base = Math.min(this.#base, bytes);
    this.#floor = Math.min(this.#floor, bytes);
    const allowance = Math.max(this.budget, settings.growth * this.#base);
    if (this.#minorsPay && bytes - this.#floor >= allowance / 2) return 'minor';
    return bytes - this.#base >= allowance ? 'major' : null;
  }

  /** There was a collection, and the gauge has been read after that. */
  collected(type, before) {
    const { bytes } = this.#gauge;
    this.#minorsPay = type === 'major' || before - bytes >= (before - this.#floor) / 4;
    this.#floor = bytes;
    this.#base = type === 'major' ? bytes : Math.min(this.#base, bytes);
  }
}

module.exports = { Pace };
