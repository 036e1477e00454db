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

/** A string type that C gives away. Its destructor is looked up where a function first returns it. */
class OwnedString {
  #free;
  #symbol;
  #library;

  constructor(koffi, name, type, options) {
    checkOptions(options, ['free']);
    const { free } = options;
    if (free === '') throw new ArgumentValueError(free, 'free', 'the name of a C function');
    if (typeof free === 'string') this.#symbol = free;
    else if (typeof free === 'function') this.#free = free;
    else throw new ArgumentTypeError(free, 'free', 'the name of a C function, or a function of the pointer');
    this.name = name;
    this.type = koffi.disposable(name, type, (pointer) => this.#free(pointer));
  }

  /** A function of `library` returns this type. `func` is the library's own. */
  resolve(library, func) {
    if (this.#symbol === undefined || this.#library === library) return;
    let free;
    try {
      free = func.call(library, this.#symbol, 'void', ['void *']);
    } catch (cause) {
      const error = new UnknownSymbolError(this.#symbol, 'destructor', this.name);
      error.cause = cause;
      throw error;
    }
    if (this.#library !== undefined) {
      throw new UnsupportedError(
        `'${this.name}' already is a string of another library: declare an owned string for each library`,
      );
    }
    this.#library = library;
    this.#free = free;
  }
}

module.exports = { OwnedString };
