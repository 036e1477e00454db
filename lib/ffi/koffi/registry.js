'use strict';
// The owned types of one koffi, and what else it has that can be owned: strings and callbacks.

const { meanings } = require('../../books/kinds');
const { Registry } = require('../../ownership/declare/registry');
const { weakly } = require('../../support/weak');

class KoffiRegistry extends Registry {
  #strings = new Map();
  #callbackKinds = new Map();
  #libraries = []; // { library, func, source }, weakly: whom nobody uses Koffi unloads
  #directions = new WeakMap(); // what koffi.out() and koffi.inout() returned

  /** How often libraries were loaded and unloaded, and types forgotten. */
  loads = 0;
  resets = 0;

  addString(string) {
    this.#strings.set(string.name, string);
    meanings.version++;
  }

  meaningOf(name) {
    return super.meaningOf(name) ?? this.#strings.get(name)?.meaning;
  }

  clear() {
    super.clear();
    this.resets++;
    this.#strings.clear();
  }

  /** Whether nothing has an owner, so that no function can have to do with ownership. */
  get isEmpty() {
    return !this.ownsAny && this.#strings.size === 0 && this.#callbackKinds.size === 0;
  }

  get ownsStrings() {
    return this.#strings.size > 0;
  }

  /** The owned string type of that name, or undefined. */
  string(name) {
    return this.#strings.get(name);
  }

  /** A library was loaded: { library, func, source }. Its functions keep that, and it is forgotten with them. */
  addLibrary(loaded) {
    this.#libraries.push(weakly(loaded));
    this.loads++;
  }

  /** The libraries that are loaded. */
  get libraries() {
    const all = this.#libraries.map((reference) => reference.deref());
    if (all.includes(undefined)) this.#libraries = this.#libraries.filter((_, i) => all[i] !== undefined);
    return all.filter((loaded) => loaded !== undefined);
  }

  /** `library` is unloaded. */
  forgetLibrary(library) {
    this.#libraries = this.#libraries.filter((reference) => reference.deref()?.library !== library);
    this.loads++;
    for (const string of this.#strings.values()) string.forget(library);
  }

  callbackKind(name, make) {
    let kind = this.#callbackKinds.get(name);
    if (kind === undefined) {
      this.#callbackKinds.set(name, (kind = make()));
      meanings.version++;
    }
    return kind;
  }

  get callbacks() {
    return this.#callbackKinds.size;
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

module.exports = { KoffiRegistry };
