'use strict';
// Owned types over char *: Koffi copies the characters into a JavaScript string and frees the original at
// once, so there is no pointer to track.

const { checkOptions } = require('../../support/check');
const {
  ArgumentTypeError,
  ArgumentValueError,
  UnknownSymbolError,
  UnsupportedError,
} = require('../../support/errors');
const { symbolAddress } = require('./dialect');

/**
 * A string type that C gives away. Its destructor is looked up where a function first returns it, and is the same for all
 * libraries that return it: Koffi tells a destructor the pointer alone. A library that is loaded again is no other one.
 */
class OwnedString {
  #koffi;
  #free;
  #symbol;
  #address; // of the destructor
  #libraries = new WeakSet(); // those that return this type, until they are unloaded
  #count = 0; // of these

  constructor(koffi, name, type, options) {
    checkOptions(options, ['free']);
    const { free } = options;
    if (free === '') throw new ArgumentValueError(free, 'free', 'the name of a C function');
    if (typeof free === 'string') this.#symbol = free;
    else if (typeof free === 'function') this.#free = free;
    else throw new ArgumentTypeError(free, 'free', 'the name of a C function, or a function of the pointer');
    this.#koffi = koffi;
    this.name = name;
    this.type = koffi.disposable(name, type, (pointer) => this.#free(pointer));
  }

  /** A function of `library` returns this type. `func` is the library's own. */
  resolve(library, func) {
    if (this.#symbol === undefined || this.#libraries.has(library)) return;
    let free;
    try {
      free = func.call(library, this.#symbol, 'void', ['void *']);
    } catch (cause) {
      const error = new UnknownSymbolError(this.#symbol, 'destructor', this.name);
      error.cause = cause;
      throw error;
    }
    const address = symbolAddress(this.#koffi, library, this.#symbol);
    if (this.#count > 0 && address !== this.#address) {
      throw new UnsupportedError(
        `'${this.name}' already is a string of another library: declare an owned string for each library`,
      );
    }
    this.#libraries.add(library);
    this.#count++;
    this.#address = address;
    this.#free = free;
  }

  /** `library` is unloaded. Loaded again, it may lie elsewhere. */
  forget(library) {
    if (this.#libraries.delete(library)) this.#count--;
  }
}

module.exports = { OwnedString };
