'use strict';
// A library as ownership sees it: where destructors and size functions are looked up by name, and what
// makes tracked pointers of what its functions return.

const { checkedCode } = require('../../pointers/destructors');
const { UnknownSymbolError, UnsupportedError } = require('../../support/errors');
const { makeProducer } = require('../call/producer');
const { meter } = require('../size/metering');

let count = 0;

class Source {
  #id = count++;
  #producers = new WeakMap(); // owned type -> Producer
  #symbol;
  #sizeFunction;
  #loaded;
  #isMetered = false;

  /**
   * `library` is the object that keeps the code loaded, `loaded` { path, file, deep, metered } says how: `file` is what the
   * dynamic linker knows it by, and `path` if undefined. `addressOf(pointer)` is the address behind what the FFI returns for
   * a pointer that is no bigint, `box(addresses)` what it takes for a parameter through which C stores pointers, readable at
   * [i], `symbol(name)` the address of a symbol or undefined, and `sizeFunction(name)` a C function
   * `size_t f(const void *)`; it throws where there is none.
   */
  constructor(library, loaded, { addressOf, box, symbol, sizeFunction }) {
    this.#loaded = loaded;
    this.library = library;
    this.addressOf = addressOf;
    this.box = box;
    this.#symbol = symbol;
    this.#sizeFunction = sizeFunction;
  }

  /** The address of the destructor `name` of pointers of type `owned`. */
  destructor(name, owned) {
    const address = this.#symbol(name);
    if (address === undefined) throw new UnknownSymbolError(name, 'destructor', owned.name);
    return checkedCode(address, name, 'free');
  }

  /** The C function that tells the size of pointers of type `owned`. */
  sizeFunction(owned) {
    checkedCode(this.#symbol(owned.size), owned.size, 'size');
    try {
      return this.#sizeFunction(owned.size);
    } catch (cause) {
      const error = new UnknownSymbolError(owned.size, 'size function', owned.name);
      error.cause = cause;
      throw error;
    }
  }

  /** Counts what the library allocates, for pointers of type `owned`. */
  meter(owned) {
    if (this.#isMetered) return;
    const { path, file = path, deep, metered } = this.#loaded;
    if (metered === false) {
      throw new UnsupportedError(
        `'${path}' was loaded with { metered: false }: write the size of '${owned.name}'`,
      );
    }
    meter(file, deep, owned.name);
    this.#isMetered = true;
  }

  producerOf(owned) {
    let producer = this.#producers.get(owned);
    if (producer === undefined) this.#producers.set(owned, (producer = makeProducer(this, owned)));
    return producer;
  }

  /** What tells the function `name` of this library from all others. */
  idOf(name) {
    return `${this.#id}:${name}`;
  }

  /** The library is unloaded: whatever is declared from now on looks its symbols up again. */
  forget() {
    this.#producers = new WeakMap();
  }
}

module.exports = { Source };
