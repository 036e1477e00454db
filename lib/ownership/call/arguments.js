'use strict';
// Turns what JavaScript passes for one parameter into what the FFI takes.

const binding = require('../../binding');
const { access } = require('../../pointers/tracked-pointer');
const { ArgumentTypeError, TypeMismatchError } = require('../../support/errors');
const { lookAfterCall } = require('./freed');

/** Thrown for a pointer that the function would free, where it is about to be called as one that borrows. */
const FREED = Symbol('freed');

/** A parameter that takes tracked pointers. */
class PointerParam {
  constructor(where, expected, accepts, lent, frees, takes = false) {
    this.where = where;
    this.takes = takes; // whether C takes the pointer
    this.lent = lent; // what to pass in place of the address, where that is not it
    this.expected = expected;
    this.accepts = accepts;
    this.frees = frees; // whether the function is that destructor, if anybody wants to know
    this.last = null; // the destructor, and by that the type, of the pointer that was right last time
    this.lastWatched = null; // the same of one that C may free meanwhile: see lookAfterCall()
  }

  check({ type, destructor, isWatched }, pointer) {
    if (destructor === this.lastWatched) {
      lookAfterCall(pointer);
      return;
    }
    // That of a pointer from track() is null.
    if (type !== null && !this.accepts(type)) {
      throw new TypeMismatchError(`'${type.name}'`, `'${this.expected}'`, this.where);
    }
    if (this.frees?.(destructor)) throw FREED;
    if (!isWatched) {
      this.last = destructor;
      return;
    }
    this.lastWatched = destructor;
    lookAfterCall(pointer);
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
  const { struct } = owned;
  const lent = struct && ((pointer, address) => struct.read(address));
  const param = new PointerParam(
    where,
    owned.name,
    (type) => type.name === owned.name,
    lent,
    undefined,
    true,
  );
  return (value) => {
    const lent = access.lend(value, param);
    // Koffi 2 would compare the type of an External with one that exists for ownership only.
    return typeof lent === 'object' && lent !== null ? (binding.externalAddress(lent) ?? lent) : lent;
  };
}

/**
 * For a parameter that C fills, a struct with owned members, or several: the FFI fills others, which nobody else has in hand,
 * and what is in these is passed on.
 */
function filling(where) {
  return (value) => {
    const isFilled = (each) =>
      typeof each === 'object' && each !== null && !ArrayBuffer.isView(each) && !access.isTracked(each);
    if (value === null) return null;
    if (Array.isArray(value) && value.every(isFilled)) return Array.from(value, () => ({}));
    if (!Array.isArray(value) && isFilled(value)) return {};
    throw new ArgumentTypeError(value, where, 'an object for C to fill, an array of these, or null');
  };
}

module.exports = { FREED, PointerParam, borrowing, consuming, filling };
