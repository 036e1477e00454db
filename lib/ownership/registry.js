'use strict';
// The owned types of one FFI.

class Registry {
  #types = new Map();
  #bases = new Set();

  add(owned) {
    this.#types.set(owned.name, owned);
    this.#bases.add(owned.base);
  }

  /** Some tracked pointers to `base` have no owned type of their own. */
  addBase(base) {
    this.#bases.add(base);
  }

  /** The types are forgotten; pointers that are tracked stay what they are. */
  clear() {
    this.#types.clear();
    this.#bases.clear();
  }

  has(name) {
    return this.#types.has(name);
  }

  get(name) {
    return this.#types.get(name);
  }

  /** Whether some owned type points to `base`. */
  owns(base) {
    return this.#bases.has(base);
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
