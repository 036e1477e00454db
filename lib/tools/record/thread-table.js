'use strict';
// A row for each thread of the program, where it publishes its figures for the sampler to add up. The last ones stay,
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
const ROWS = 256; // whoever comes when all are taken publishes nothing
const FREE = 0;

const FIGURES_AT = 16 * ROWS;
const THREAD_TABLE_BYTES = FIGURES_AT + 8 * FIELDS.length * ROWS;

class ThreadTable {
  #owners; // thread ids + 1
  #parents;
  #tasks; // what the kernel calls these threads, or 0
  #figures;

  constructor(buffer) {
    this.#owners = new Int32Array(buffer, 0, ROWS);
    this.#parents = new Int32Array(buffer, 4 * ROWS, ROWS);
    this.#tasks = new Int32Array(buffer, 8 * ROWS, ROWS);
    this.#figures = new Float64Array(buffer, FIGURES_AT);
  }

  #figuresOf(row) {
    return this.#figures.subarray(row * FIELDS.length, (row + 1) * FIELDS.length);
  }

  /** Returns the function by which the thread publishes its figures, by their names. */
  take(threadId, parent = -1, task = 0) {
    for (let row = 0; row < ROWS; row++) {
      if (Atomics.compareExchange(this.#owners, row, FREE, threadId + 1) !== FREE) continue;
      this.#parents[row] = parent;
      this.#tasks[row] = task;
      const figures = this.#figuresOf(row);
      return (all) => {
        if (this.#owners[row] !== threadId + 1) return; // another's by now
        for (let at = 1; at < FIELDS.length; at++) figures[at] = all[FIELDS[at]] ?? NaN;
        figures[0] = all[FIELDS[0]]; // last: from then on the row counts
      };
    }
    return () => {};
  }

  /** A thread has ended, and the workers that it has started with it. Returns the ids of all that had a row. */
  leave(threadId) {
    const left = [];
    for (let row = 0; row < ROWS; row++) {
      const owner = Atomics.load(this.#owners, row);
      if (owner === FREE) continue;
      if (owner === threadId + 1) {
        this.#figuresOf(row).fill(0);
        this.#parents[row] = -1;
        Atomics.compareExchange(this.#owners, row, owner, FREE);
        left.push(threadId);
      } else if (this.#parents[row] === threadId) {
        left.push(...this.leave(owner - 1));
      }
    }
    return left;
  }

  /** The rows of threads that have published something. */
  *#taken() {
    for (let row = 0; row < ROWS; row++) {
      if (Atomics.load(this.#owners, row) !== FREE && this.#figuresOf(row)[0] !== 0) yield row;
    }
  }

  /** [{ threadId, task, publishedAt }] */
  threads() {
    return Array.from(this.#taken(), (row) => ({
      threadId: this.#owners[row] - 1,
      task: this.#tasks[row],
      publishedAt: this.#figuresOf(row)[0],
    }));
  }

  /** The sum of what all threads have published, undefined where they cannot tell. */
  sum() {
    const sums = new Array(FIELDS.length).fill(0);
    for (const row of this.#taken()) this.#figuresOf(row).forEach((value, at) => (sums[at] += value));
    return Object.fromEntries(
      FIELDS.map((name, at) => [name, Number.isNaN(sums[at]) ? undefined : sums[at]]),
    );
  }
}

module.exports = { THREAD_TABLE_BYTES, ThreadTable };
