'use strict';
// How large what a pointer of an owned type points to is: a constant, or asked of a function.

const { noteSizing } = require('../../books/size-methods');
const { checkSize } = require('../../support/check');
const { SizeError } = require('../../support/errors');
const { Comparison, wayOf } = require('./ways');

class Measure {
  #label;
  #measure;
  #takesArguments;

  /** `source` is a Source. */
  constructor(source, owned) {
    const { size } = owned;
    this.#label = owned.name;
    this.constant = typeof size === 'number' ? size : -1; // bytes, or -1 when they must be asked for
    // C functions and malloc_usable_size take the address and nothing else.
    this.#takesArguments = typeof size === 'function';
    const way = wayOf(size, owned);
    if (typeof size === 'function') this.#measure = size;
    else if (way !== null) this.#measure = (address) => way.of(address);
    else if (typeof size === 'string') this.#measure = source.sizeFunction(owned);
    this.way = way;
    const { compare } = owned;
    this.comparison = compare === undefined ? null : new Comparison(wayOf(compare, owned), owned.name);
    this.how = way?.how ?? (this.constant >= 0 ? 'constant' : 'function');
    noteSizing(owned.name, this);
  }

  /** Whether it matters what the calls that give such pointers allocate. */
  get watches() {
    return this.comparison !== null || (this.way?.delta ?? null) !== null;
  }

  /** Whether what these calls allocate is counted at the library's import slots. */
  get counts() {
    return this.how === 'exact' || this.comparison?.way.how === 'exact';
  }

  /** What to watch in the call that begins. */
  deltas() {
    return [this.way, this.comparison?.due() ? this.comparison.way : null]
      .filter((way) => way !== null && way.delta !== null && (way !== this.way || way.due()))
      .map((way) => way.delta);
  }

  /** The size of a pointer that such a call has given is `size`. */
  compare(address, size) {
    this.comparison?.add(address, size);
  }

  /** Whether the size depends on the arguments of the call that gave the pointer. */
  get takesArguments() {
    return this.#takesArguments;
  }

  /** The size function, if there is one. */
  get function() {
    return this.#measure;
  }

  /** The size, for any number of arguments. Throws a SizeError that ends with `consequence`. */
  ofCall(address, args, consequence) {
    if (this.constant >= 0) return this.constant;
    let size;
    try {
      size = this.#takesArguments ? this.#measure(address, ...args) : this.#measure(address);
    } catch (error) {
      throw this.threw(error, consequence);
    }
    return this.check(size, consequence);
  }

  /** The error to throw after the size function has thrown `error`. */
  threw(error, consequence) {
    return new SizeError(this.#label, 'its size function threw', consequence, error);
  }

  /** The size that the size function gave, if it is one. Throws a SizeError. */
  check(size, consequence) {
    try {
      return checkSize(size, 'size');
    } catch (error) {
      const reason = `its size function returned no size (${error.message})`;
      throw new SizeError(this.#label, reason, consequence, error);
    }
  }
}

module.exports = { Measure };
