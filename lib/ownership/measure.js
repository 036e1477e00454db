'use strict';
// How large what a pointer of an owned type points to is: a constant, or asked of a function.

const { freeOnError } = require('../adopt');
const { checkSize } = require('../check');
const { SizeError } = require('../errors');
const { noteSizing } = require('./sizing');
const { Comparison, wayOf } = require('./ways');

// One call for each usual number of arguments: a spread costs more than the usual size function.
function ask(measure, count, address, x, y, z, w, u, v) {
  switch (count) {
    case 0:
      return measure(address);
    case 1:
      return measure(address, x);
    case 2:
      return measure(address, x, y);
    case 3:
      return measure(address, x, y, z);
    case 4:
      return measure(address, x, y, z, w);
    case 5:
      return measure(address, x, y, z, w, u);
    default:
      return measure(address, x, y, z, w, u, v);
  }
}

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
    const way = wayOf(size, owned.name);
    if (typeof size === 'function') this.#measure = size;
    else if (way !== null) this.#measure = (address) => way.of(address);
    else if (typeof size === 'string') this.#measure = source.sizeFunction(owned);
    this.way = way;
    const { compare } = owned;
    this.comparison = compare === undefined ? null : new Comparison(wayOf(compare, owned.name));
    const declared = this.constant >= 0 ? 'constant' : 'function';
    noteSizing(owned.name, way?.how ?? declared, this.comparison);
  }

  /** Whether it matters what the calls that give such pointers allocate. */
  get watches() {
    return this.comparison !== null || (this.way?.growth ?? null) !== null;
  }

  /** What to watch in the call that begins. */
  growths() {
    return [this.way, this.comparison?.due() ? this.comparison.way : null]
      .filter((way) => way !== null && way.growth !== null && (way !== this.way || way.due()))
      .map((way) => way.growth);
  }

  /** The size of a pointer that such a call has given is `size`. */
  compare(address, size) {
    this.comparison?.add(address, size);
  }

  /** Whether the size depends on the arguments of the call that gave the pointer. */
  get takesArguments() {
    return this.#takesArguments;
  }

  /** The bytes behind a new pointer that came of a call with `count` arguments, at most six. */
  of(kind, address, count, x, y, z, w, u, v) {
    let size;
    try {
      size = ask(this.#measure, this.#takesArguments ? count : 0, address, x, y, z, w, u, v);
    } catch (error) {
      throw freeOnError(address, 0, kind, kind.run, this.#threw(error, 'the pointer was freed'));
    }
    if (Number.isSafeInteger(size) && size >= 0) return size;
    try {
      return this.#check(size, 'the pointer was freed');
    } catch (error) {
      throw freeOnError(address, 0, kind, kind.run, error);
    }
  }

  /** The same for any number of arguments, and without freeing. Throws a SizeError that ends with `consequence`. */
  ofCall(address, args, consequence) {
    if (this.constant >= 0) return this.constant;
    let size;
    try {
      size = this.#takesArguments ? this.#measure(address, ...args) : this.#measure(address);
    } catch (error) {
      throw this.#threw(error, consequence);
    }
    return this.#check(size, consequence);
  }

  #threw(error, consequence) {
    return new SizeError(this.#label, 'its size function threw', consequence, error);
  }

  #check(size, consequence) {
    try {
      return checkSize(size, 'size');
    } catch (error) {
      const reason = `its size function returned no size (${error.message})`;
      throw new SizeError(this.#label, reason, consequence, error);
    }
  }
}

module.exports = { Measure };
