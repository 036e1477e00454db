'use strict';
// A seat for each thread of the program, where it publishes its figures for the sampler to add up. The last ones stay,
// whatever keeps the thread busy, until it has ended.

/** Figures that each thread publishes, in order. */
const FIELDS = [
  'publishedAt',
  'heapUsed',
  'heapTotal',
  'arrayBuffers',
  'total_physical_size',
  'malloced_memory',
  'counter',
  'reported',
  'viewed',
  'mapped',
];
const SEATS = 256; // whoever comes when all are taken publishes nothing
const FREE = 0;

const FIGURES_AT = 8 * SEATS;
const SEATS_BYTES = FIGURES_AT + 8 * FIELDS.length * SEATS;

class Seats {
  #owners; // thread ids + 1
  #parents;
  #figures;

  constructor(buffer) {
    this.#owners = new Int32Array(buffer, 0, SEATS);
    this.#parents = new Int32Array(buffer, 4 * SEATS, SEATS);
    this.#figures = new Float64Array(buffer, FIGURES_AT);
  }

  #figuresOf(seat) {
    return this.#figures.subarray(seat * FIELDS.length, (seat + 1) * FIELDS.length);
  }

  /** Returns the function by which the thread publishes its figures, by their names. */
  take(threadId, parent = -1) {
    for (let seat = 0; seat < SEATS; seat++) {
      if (Atomics.compareExchange(this.#owners, seat, FREE, threadId + 1) !== FREE) continue;
      this.#parents[seat] = parent;
      const figures = this.#figuresOf(seat);
      return (all) => FIELDS.forEach((name, at) => (figures[at] = all[name] ?? NaN));
    }
    return () => {};
  }

  /** A thread has ended, and the workers that it has started with it. Returns the ids of all that had a seat. */
  leave(threadId) {
    const left = [];
    for (let seat = 0; seat < SEATS; seat++) {
      const owner = Atomics.load(this.#owners, seat);
      if (owner === FREE) continue;
      if (owner === threadId + 1) {
        this.#figuresOf(seat).fill(0);
        this.#parents[seat] = -1;
        Atomics.compareExchange(this.#owners, seat, owner, FREE);
        left.push(threadId);
      } else if (this.#parents[seat] === threadId) {
        left.push(...this.leave(owner - 1));
      }
    }
    return left;
  }

  /**
   * The sum of what all threads have published, undefined where they cannot tell; its publishedAt is that of the thread
   * that has told nothing for longest.
   */
  sum() {
    const sums = new Array(FIELDS.length).fill(0);
    let oldest = Infinity;
    for (let seat = 0; seat < SEATS; seat++) {
      if (Atomics.load(this.#owners, seat) === FREE) continue;
      const figures = this.#figuresOf(seat);
      const [publishedAt] = figures;
      if (publishedAt === 0) continue;
      oldest = Math.min(oldest, publishedAt);
      figures.forEach((value, at) => (sums[at] += value));
    }
    const named = FIELDS.map((name, at) => [name, Number.isNaN(sums[at]) ? undefined : sums[at]]);
    return { ...Object.fromEntries(named), publishedAt: oldest };
  }
}

module.exports = { SEATS_BYTES, Seats };
