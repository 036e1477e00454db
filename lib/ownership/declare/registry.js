'use strict';
// The owned types of one FFI.

const { meanings } = require('../../books/kinds');
const { checkMeaning } = require('./meaning');
const { isAny, isInteger } = require('./owned-type');

class Registry {
  #types = new Map();
  #oneOffs = new Map(); // types of one function's result, by their names
  #bases = new Set();
  #ownsPlain = false; // memory that has no type

  /** Whether some integers are owned. */
  ownsIntegers = false;

  /** Throws if its name has another meaning already. */
  check(owned) {
    checkMeaning(owned.name, this.meaningOf(owned.name), owned.meaning);
  }

  /** What it means as text; undefined where that name is not declared. */
  meaningOf(name) {
    return this.#types.get(name)?.meaning;
  }

  /** Also one that is declared again. REQUIRES: check(). */
  add(owned) {
    this.#types.set(owned.name, owned);
    meanings.version++;
    this.addBase(owned.base);
  }

  /** The result of one function has a type of its own. */
  addOneOff(owned) {
    this.#oneOffs.set(owned.name, owned);
    this.addBase(owned.base);
  }

  /** Some tracked pointers to `base` have no owned type of their own. */
  addBase(base) {
    if (!this.#bases.has(base)) meanings.version++;
    this.#bases.add(base);
    if (isAny(base)) this.#ownsPlain = true;
    if (isInteger(base)) this.ownsIntegers = true;
  }

  /** The types are forgotten; pointers that are tracked stay what they are. */
  clear() {
    meanings.version++;
    this.#types.clear();
    this.#oneOffs.clear();
    this.#bases.clear();
    this.#ownsPlain = false;
    this.ownsIntegers = false;
  }

  has(name) {
    return this.#types.has(name);
  }

  get(name) {
    return this.#types.get(name);
  }

  /** Whether there may be tracked pointers that can go where a pointer to `base` is expected. */
  mayLend(base) {
    return isAny(base) ? this.ownsAny : this.#ownsPlain || meanings.hasUntyped || this.#bases.has(base);
  }

  /** The same for what is passed by value. */
  mayLendAs(base) {
    return this.#bases.has(base);
  }

  /** Whether there may be tracked pointers at all. */
  get ownsAny() {
    return this.#bases.size > 0 || meanings.hasUntyped;
  }

  /** Whether what C allocates is counted for some pointers that can go where one to `base` is expected. */
  counts(base) {
    return this.fitting(base).some((owned) => owned.isExact);
  }

  /** Those that can go where a pointer to `base` is expected. */
  fitting(base) {
    return this.#all().filter((owned) => owned.fits(base));
  }

  /** Whether the C function `name` frees some owned pointer to `base`. */
  isDestructor(name, base) {
    return this.fitting(base).some((owned) => owned.destructorName === name);
  }

  #all() {
    return [...this.#types.values(), ...this.#oneOffs.values()];
  }
}

module.exports = { Registry };
