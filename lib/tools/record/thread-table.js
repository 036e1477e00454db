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

const FIGURES_AT = 16 * SEATS;
const SEATS_BYTES = FIGURES_AT + 8 * FIELDS.length * SEATS;

class Seats {
  #owners; // thread ids + 1
  #parents;
  #tasks; // what the kernel calls these threads, or 0
  #figures;

  constructor(buffer) {
    this.#owners = new Int32Array(buffer, 0, SEATS);
    this.#parents = new Int32Array(buffer, 4 * SEATS, SEATS);
    this.#tasks = new Int32Array(buffer, 8 * SEATS, SEATS);
    this.#figures = new Float64Array(buffer, FIGURES_AT);
  }

  #figuresOf(seat) {
    return this.#figures.subarray(seat * FIELDS.length, (seat + 1) * FIELDS.length);
  }

  /** Returns the function by which the thread publishes its figures, by their names. */
  take(threadId, parent = -1, task = 0) {
    for (let seat = 0; seat < SEATS; seat++) {
      if (Atomics.compareExchange(this.#owners, seat, FREE, threadId + 1) !== FREE) continue;
      this.#parents[seat] = parent;
      this.#tasks[seat] = task;
      const figures = this.#figuresOf(seat);
      return (all) => {
        if (this.#owners[seat] !== threadId + 1) return; // another's by now
        for (let at = 1; at < FIELDS.length; at++) figures[at] = all[FIELDS[at]] ?? NaN;
        figures[0] = all[FIELDS[0]]; // last: from then on the seat counts
      };
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

  /** The seats of threads that have published something. */
  *#taken() {
    for (let seat = 0; seat < SEATS; seat++) {
      if (Atomics.load(this.#owners, seat) !== FREE && this.#figuresOf(seat)[0] !== 0) yield seat;
    }
  }

  /** [{ threadId, task, publishedAt }] */
  threads() {
    return Array.from(this.#taken(), (seat) => ({
      threadId: this.#owners[seat] - 1,
      task: this.#tasks[seat],
      publishedAt: this.#figuresOf(seat)[0],
    }));
  }

  /** The sum of what all threads have published, undefined where they cannot tell. */
  sum() {
    const sums = new Array(FIELDS.length).fill(0);
    for (const seat of this.#taken()) this.#figuresOf(seat).forEach((value, at) => (sums[at] += value));
    return Object.fromEntries(
      FIELDS.map((name, at) => [name, Number.isNaN(sums[at]) ? undefined : sums[at]]),
    );
  }
}

module.exports = { SEATS_BYTES, Seats };
