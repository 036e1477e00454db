'use strict';
// Turns what JavaScript passes for one parameter into what the FFI takes.

const binding = require('../../binding');
const { access } = require('../../pointers/tracked-pointer');
const { TypeMismatchError } = require('../../support/errors');

/** Thrown for a pointer that the function would free, where it is about to be called as one that borrows. */
const FREED = Symbol('freed');

/** A parameter that takes tracked pointers. */
class PointerParam {
  constructor(where, expected, accepts, lent, frees) {
    this.where = where;
    this.lent = lent; // what to pass in place of the address, where that is not it
    this.expected = expected;
    this.accepts = accepts;
    this.frees = frees; // whether the function is that destructor, if anybody wants to know
    this.last = null; // the destructor, and by that the type, of the pointer that was right last time
  }

  check({ type, destructor }) {
    // That of a pointer from track() is null.
    if (type !== null && !this.accepts(type)) {
      throw new TypeMismatchError(`'${type.name}'`, `'${this.expected}'`, this.where);
    }
    if (this.frees?.(destructor)) throw FREED;
    this.last = destructor;
  }
}

/**
 * For a parameter that borrows a pointer to `base`. `lent` is what gives something else than the address; `frees` tells
 * whether the function is that destructor: then FREED is thrown.
 */
function borrowing(where, { base, expected = `${base} *`, lent }, frees) {
  const param = new PointerParam(where, expected, (type) => type.fits(base), lent, frees);
  return (value) => access.lend(value, param);
}

/** For a parameter through which C takes a pointer of type `owned`. */
function consuming(where, owned) {
  const param = new PointerParam(where, owned.name, (type) => type.name === owned.name);
  return (value) => {
    const lent = access.lend(value, param);
    // Koffi 2 would compare the type of an External with one that exists for ownership only.
    return typeof lent === 'object' && lent !== null ? (binding.externalAddress(lent) ?? lent) : lent;
  };
}

module.exports = { FREED, PointerParam, borrowing, consuming };
