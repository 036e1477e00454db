'use strict';

// During so few calls of a function another thread may have allocated much.
const STRAY_CALLS = 3;
const CHANCE = 0.02; // other threads free memory too
const FEW = 0.1; // of the pointers, up to which they may be left out where sizes are compared

/** Enters `bytes` if they are among the largest, which `largest` holds in order. */
function enter(largest, bytes) {
  if (largest.length === STRAY_CALLS && bytes <= largest.at(-1)) return;
  largest.push(bytes);
  largest.sort((a, b) => b - a);
  largest.length = Math.min(largest.length, STRAY_CALLS);
}

/** What is known of one C function: bytes and counts of its measured calls. */
class FunctionBook {
  calls = 0; // all of them, measured or not
  measured = 0;
  kept = 0; // by the calls after which more was in use
  keeping = 0; // how many calls these were
  gave = 0; // by those after which less was
  loose = 0; // kept, and no pointer is known that stands for it
  largestUnattributed = []; // the largest of these, as many as may be stray
  looseGave = 0; // given back, and no pointer is known that it belonged to
  returned = 0; // of that, no more from one call than it keeps in one
  mostReturned = []; // the largest of these
  live = 0; // in pointers that it returned and that nobody was seen to free, with what others added to them
  pointers = 0; // how many these are
  made = 0; // how many it ever returned
  largest = []; // bytes of the largest of them when they were returned
  smallest = []; // and, negative, of the smallest
  forgotten = 0; // bytes of those that were too many to remember
  touched = 0; // calls with a known pointer
  freed = 0; // pointers that it freed
  asynchronous = 0;
  calledBack = 0;
  label = undefined; // of the tracked pointers that the drop-in makes of its results
  adopted = 0; // pointers that it returned and that became tracked ones
  adoptedAs = undefined; // the label of the last of them
  freedBy = new Map(); // FunctionBook -> { pointers, bytes }
  marks = []; // { measured, bytes } whenever the measured calls have doubled

  constructor(facts) {
    Object.assign(this, facts);
  }

  /**
   * What it gives back by itself of what it keeps, as V8 does inside its calls with what the results take. What other
   * threads free in the meantime, such as Buffers, is much in few calls.
   */
  get gaveBack() {
    return this.returned - this.mostReturned.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** What it has kept and nobody was seen to give back. */
  get outstanding() {
    return Math.max(this.loose - this.gaveBack, 0) + this.live + this.forgotten;
  }

  /** [book, { pointers, bytes }] of those that freed what it returned, the most first; chance is left out. */
  freers() {
    const all = [...this.freedBy];
    const most = Math.max(...all.map(([, { bytes }]) => bytes));
    return all.filter(([, { bytes }]) => bytes >= CHANCE * most).sort(([, a], [, b]) => b.bytes - a.bytes);
  }

  /**
   * The bytes of the smallest and of the largest pointer when they were returned; of many without a few, during whose
   * calls another thread may have allocated or freed much.
   */
  get range() {
    const leftOut = Math.min(STRAY_CALLS - 1, Math.floor(FEW * this.made));
    const [least = -Infinity, most = 0] = [this.smallest, this.largest].map(
      (list) => list[Math.min(leftOut, list.length - 1)],
    );
    return { least: -least, most };
  }

  /** Enters a pointer that it has returned after it had kept so many bytes. */
  make(bytes) {
    this.made++;
    enter(this.largest, bytes);
    if (bytes > 0) enter(this.smallest, -bytes);
  }

  /** Enters what a call has kept for which no pointer stands. */
  lose(bytes) {
    this.loose += bytes;
    enter(this.largestUnattributed, bytes);
  }

  /** Enters what a call has given back that belonged to no pointer. */
  find(bytes) {
    this.looseGave += bytes;
    if (this.keeping === 0) return;
    const own = Math.min(bytes, this.kept / this.keeping);
    this.returned += own;
    enter(this.mostReturned, own);
  }
}

module.exports = { FunctionBook, STRAY_CALLS };
