'use strict';
// The owned types of one FFI.

const { isAny } = require('./owned-type');

class Registry {
  #types = new Map();
  #bases = new Set();
  #ownsPlain = false; // memory that has no type

  add(owned) {
    this.#types.set(owned.name, owned);
    this.addBase(owned.base);
  }

  /** Some tracked pointers to `base` have no owned type of their own. */
  addBase(base) {
    this.#bases.add(base);
    if (isAny(base)) this.#ownsPlain = true;
  }

  /** The types are forgotten; pointers that are tracked stay what they are. */
  clear() {
    this.#types.clear();
    this.#bases.clear();
    this.#ownsPlain = false;
  }

  has(name) {
    return this.#types.has(name);
  }

  get(name) {
    return this.#types.get(name);
  }

  /** Whether there may be tracked pointers that can go where a pointer to `base` is expected. */
  mayLend(base) {
    return isAny(base) ? this.ownsAny : this.#ownsPlain || this.#bases.has(base);
  }

  /** Whether there may be tracked pointers at all. */
  get ownsAny() {
    return this.#bases.size > 0;
  }

  /** Whether the C function `name` frees some owned pointer to `base`. */
  isDestructor(name, base) {
    for (const owned of this.#types.values()) {
      if (owned.destructorName === name && owned.fits(base)) return true;
    }
    return false;
  }
}

module.exports = { Registry };
