'use strict';
// Where in the program memory was made. To look that up takes V8 some microseconds, so it is done for calls picked at random
// where there are very many: what the others have left is taken to come from the same places, in the same shares.

// What stands where a maker has lines of a stack: of what nobody knows the place, and before those of a call that was picked.
const UNKNOWN = '#';
const PICKED = '~\n';

const textOfUnknown = (id) => `${UNKNOWN}${id}`;
const textOfPicked = (stack) => `${PICKED}${stack}`;

const add = (sums, key, amount) => sums.set(key, (sums.get(key) ?? 0) + amount);

class Places {
  #known = new Map();
  #picked = new Map();
  #unknown = 0;

  /** So many bytes are of the place with that text. */
  add(text, bytes) {
    if (text.startsWith(UNKNOWN)) this.#unknown += bytes;
    else if (text.startsWith(PICKED)) add(this.#picked, text.slice(PICKED.length), bytes);
    else add(this.#known, text, bytes);
  }

  /** [{ stack, bytes }], the largest first, without what nobody can tell the place of. */
  list() {
    const picked = [...this.#picked].filter(([, bytes]) => bytes > 0);
    const total = picked.reduce((sum, [, bytes]) => sum + bytes, 0);
    const all = new Map(this.#known);
    for (const [stack, bytes] of picked) add(all, stack, bytes * (1 + Math.max(0, this.#unknown) / total));
    return [...all]
      .filter(([, bytes]) => bytes > 0)
      .map(([stack, bytes]) => ({ stack, bytes: Math.round(bytes) }))
      .sort((a, b) => b.bytes - a.bytes);
  }
}

module.exports = { Places, textOfPicked, textOfUnknown };
