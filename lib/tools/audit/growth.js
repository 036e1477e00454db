'use strict';
// What each maker had at some moments of the run, and so whether what it has is still growing. The clock are the calls of this
// thread, and the blocks that all have made: a program that only waits does not get older.

const binding = require('../../binding');

const MOST = 64;
const FEWEST = 6; // moments, with fewer of which nobody can tell
const MIDDLE = [0.35, 0.5]; // of the run
const LAST = [0.85, 1];
const LATE = 0.2; // of what is there in the end, that must have come in the second half

function median(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

class Growth {
  #moments = []; // Float64Array by the maker's number; at 0 the clock
  #stride = 1;
  #due = 1;
  #calls = 0;

  /** Before each call. */
  called() {
    this.#calls++;
    if (--this.#due > 0) return;
    this.note();
    this.#due = this.#stride;
  }

  note() {
    const now = binding.auditLive();
    now[0] += this.#calls;
    if (this.#moments.length > 0 && this.#moments.at(-1)[0] === now[0]) return;
    this.#moments.push(now);
    if (this.#moments.length < MOST) return;
    this.#moments = this.#moments.filter((_, at) => at % 2 === 1);
    this.#stride *= 2;
  }

  /**
   * Whether the makers of these numbers together had less in the middle than they have now. `frees` says whether much of
   * what they make is freed: then what they have goes up and down, and what they have mostly counts. If a collection does
   * that, as `isCollected` says, and one has just been, it is no more than what is left now. undefined if nobody can tell.
   */
  isGrowing(numbers, frees, isCollected) {
    this.note();
    const moments = this.#moments;
    if (moments.length < FEWEST) return undefined;
    const bytes = (moment) => numbers.reduce((sum, number) => sum + (moment[number] ?? 0), 0);
    const left = bytes(moments.at(-1));
    const late = frees ? Math.min(this.#within(LAST, bytes), isCollected ? left : Infinity) : left;
    // Where one call has made most of all, there is no middle.
    const middle = this.#within(MIDDLE, bytes) ?? bytes(moments[0]);
    return late > 0 && late - middle >= LATE * late;
  }

  /** By how much that maker has more at the end than it mostly had in the middle; 0 if nobody can tell. */
  increase(number) {
    const bytes = (moment) => moment[number] ?? 0;
    return (this.#within(LAST, bytes) ?? 0) - (this.#within(MIDDLE, bytes) ?? 0);
  }

  #within([from, to], bytes) {
    const end = this.#moments.at(-1)?.[0];
    return median(this.#moments.filter(([at]) => at > from * end && at <= to * end).map(bytes));
  }
}

module.exports = { Growth };
