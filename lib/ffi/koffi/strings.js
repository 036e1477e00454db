'use strict';
// Owned types over char *: Koffi copies the characters into a JavaScript string and frees the original at
// once, so there is no pointer to track.

const binding = require('../../binding');
const { checkOptions } = require('../../support/check');
const {
  ArgumentTypeError,
  ArgumentValueError,
  UnknownSymbolError,
  UnsupportedError,
} = require('../../support/errors');
const { WITH_FREE } = require('../../ownership/declare/owned-type');
const { checkMeaning, meaningOf } = require('../../ownership/declare/meaning');
const { checkedCode, toAddress } = require('../../pointers/destructors');
const { addressOf, describe, symbolAddress } = require('./dialect');
const { ffiOf } = require('./ffi');

// A type of Koffi's outlives the copy of this library that has declared it, and with it what frees its strings: this is what
// all copies know, by name. Where there is no binary, they know nothing of each other.
const frees = (koffi, name) => `free of ${name} in Koffi ${koffi.version}`;

function disposable(koffi, name, type) {
  const how = { free: undefined };
  const declared = koffi.disposable(name, type, (pointer) => {
    if (addressOf(koffi, pointer) !== 0n) how.free(pointer); // Koffi asks for every place where there may be one
  });
  binding.shared[frees(koffi, name)] = { how, declared };
  return { how, declared };
}

/** The destructor: its name, its address, or a function of the pointer. */
function checkFree(options) {
  checkOptions(options, ['free'], WITH_FREE);
  const { free } = options;
  if (free === '') throw new ArgumentValueError(free, 'free', 'the name of a C function');
  if (typeof free === 'string' || typeof free === 'function') return free;
  const address = free === null ? undefined : toAddress(free);
  if (address !== undefined && address !== 0n) return checkedCode(address, address, 'free');
  throw new ArgumentTypeError(
    free,
    'free',
    'the name or the address of a C function, or a function of the pointer',
  );
}

const stringMeaning = (koffi, type, options) => meaningOf(`'${describe(koffi, type).name}'`, options);

/**
 * A string type that C gives away. Its destructor is looked up where a function first returns it, and is the same for all
 * libraries that return it: Koffi tells a destructor the pointer alone. A library that is loaded again is no other one.
 */
class OwnedString {
  #koffi;
  #how; // { free }
  #symbol;
  #address; // of the destructor
  #libraries = new WeakSet(); // those that return this type, until they are unloaded
  #count = 0; // of these

  /** `before` is what the name means already, or undefined. */
  constructor(koffi, name, type, options, before) {
    const free = checkFree(options);
    this.#koffi = koffi;
    this.name = name;
    this.meaning = stringMeaning(koffi, type, options);
    checkMeaning(name, before, this.meaning);
    const { how, declared } = this.#declare(type);
    this.#how = how;
    this.type = declared;
    if (typeof free === 'string') this.#symbol = free;
    else this.#freeBy(free);
  }

  #freeBy(free) {
    this.#how.free = typeof free === 'bigint' ? ffiOf(this.#koffi).callable(free, 'void', ['void *']) : free;
  }

  /** The name of its destructor, or undefined. */
  get symbol() {
    return this.#symbol;
  }

  /** It is declared again. */
  again(type, options) {
    const free = checkFree(options);
    checkMeaning(this.name, this.meaning, stringMeaning(this.#koffi, type, options));
    if (typeof free !== 'string') this.#freeBy(free);
  }

  #declare(type) {
    try {
      return disposable(this.#koffi, this.name, type);
    } catch (error) {
      const before = binding.shared[frees(this.#koffi, this.name)];
      if (before === undefined || !/duplicate/i.test(error.message)) throw error;
      return before;
    }
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
    const address = checkedCode(symbolAddress(this.#koffi, library, this.#symbol), this.#symbol, 'free');
    if (this.#count > 0 && address !== this.#address) {
      throw new UnsupportedError(
        `'${this.name}' already is a string of another library: declare an owned string for each library`,
      );
    }
    this.#libraries.add(library);
    this.#count++;
    this.#address = address;
    this.#how.free = free;
  }

  /** `library` is unloaded. Loaded again, it may lie elsewhere. */
  forget(library) {
    if (this.#libraries.delete(library)) this.#count--;
  }
}

module.exports = { OwnedString };
