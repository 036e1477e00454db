'use strict';
// Where in the program memory was made. To look that up takes V8 some microseconds, so it is done for calls picked at random
// where there are very many: what the others have left is taken to come from the same places, in the same shares.

// What stands where a maker has lines of a stack: of what nobody knows the place, and before those of a call that was picked.
const UNKNOWN = '#';
const PICKED = '~\n';

const textOfUnknown = (id) => `${UNKNOWN}${id}`;
const textOfPicked = (stack) => `${PICKED}${stack}`;

class Sums {
  #byStack = new Map();

  add(stack, bytes, more) {
    const known = this.#byStack.get(stack) ?? { stack, bytes: 0, more: 0 };
    known.bytes += bytes;
    known.more += more;
    this.#byStack.set(stack, known);
  }

  get list() {
    return [...this.#byStack.values()].filter(({ bytes }) => bytes > 0);
  }
}

class Places {
  #known = new Sums();
  #picked = new Sums();
  #unknown = 0;

  /** So many bytes are of the place with that text, `more` of which have come of late. */
  add(text, bytes, more = 0) {
    if (text.startsWith(UNKNOWN)) this.#unknown += bytes;
    else if (text.startsWith(PICKED)) this.#picked.add(text.slice(PICKED.length), bytes, more);
    else this.#known.add(text, bytes, more);
  }

  /** [{ stack, bytes }], those first that have grown most of late, without what nobody can tell the place of. */
  list() {
    const picked = this.#picked.list;
    const scale = 1 + Math.max(0, this.#unknown) / picked.reduce((sum, { bytes }) => sum + bytes, 0);
    const all = new Sums();
    for (const { stack, bytes, more } of this.#known.list) all.add(stack, bytes, more);
    for (const { stack, bytes, more } of picked) all.add(stack, bytes * scale, more * scale);
    return all.list
      .sort((a, b) => b.more - a.more || b.bytes - a.bytes)
      .map(({ stack, bytes }) => ({ stack, bytes: Math.round(bytes) }));
  }
}

module.exports = { Places, textOfPicked, textOfUnknown };
