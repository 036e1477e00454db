'use strict';
// The owned types of one koffi, and what has been made of them in each library.

class Registry {
  #types = new Map();
  #bases = new Set();
  #strings = new Map();
  #callbackKinds = new Map();
  #producers = new WeakMap(); // library -> Map(owned type -> Producer)
  #directions = new WeakMap(); // what koffi.out() and koffi.inout() returned

  add(owned) {
    this.#types.set(owned.name, owned);
    this.#bases.add(owned.base);
  }

  /** Some tracked pointers to `base` have no owned type of their own. */
  addBase(base) {
    this.#bases.add(base);
  }

  addString(string) {
    this.#strings.set(string.name, string);
  }

  /** Koffi has forgotten its types; pointers that are tracked stay what they are. */
  clear() {
    this.#types.clear();
    this.#bases.clear();
    this.#strings.clear();
  }

  /** Whether nothing has an owner, so that no function can have to do with ownership. */
  get isEmpty() {
    return this.#bases.size === 0 && this.#strings.size === 0 && this.#callbackKinds.size === 0;
  }

  /** The owned string type of that name, or undefined. */
  string(name) {
    return this.#strings.get(name);
  }

  callbackKind(name, make) {
    let kind = this.#callbackKinds.get(name);
    if (kind === undefined) this.#callbackKinds.set(name, (kind = make()));
    return kind;
  }

  get callbacks() {
    return this.#callbackKinds.size;
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

  producer(library, owned, make) {
    let known = this.#producers.get(library);
    if (known === undefined) this.#producers.set(library, (known = new Map()));
    let producer = known.get(owned);
    if (producer === undefined) known.set(owned, (producer = make()));
    return producer;
  }

  forget(library) {
    this.#producers.delete(library);
  }

  noteDirection(marker, direction) {
    if (typeof marker === 'object' && marker !== null) this.#directions.set(marker, direction);
    return marker;
  }

  directionOf(type) {
    if (typeof type === 'string') {
      if (type.includes('_Inout_')) return 'inout';
      return type.includes('_Out_') ? 'out' : 'in';
    }
    return typeof type === 'object' && type !== null ? (this.#directions.get(type) ?? 'in') : 'in';
  }
}

module.exports = { Registry };
