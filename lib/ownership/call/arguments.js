'use strict';
// Turns what JavaScript passes for one parameter into what the FFI takes.

const binding = require('../../binding');
const { access } = require('../../pointers/tracked-pointer');
const { TypeMismatchError } = require('../../support/errors');

/** A parameter that takes tracked pointers. */
class PointerParam {
  constructor(where, expected, accepts, lent) {
    this.where = where;
    this.lent = lent; // what to pass in place of the address, where that is not it
    this.expected = expected;
    this.accepts = accepts;
    this.last = null; // the type that was right last time; null is that of a pointer from track()
  }

  check(type) {
    if (type === null) return;
    if (!this.accepts(type)) throw new TypeMismatchError(`'${type.name}'`, `'${this.expected}'`, this.where);
    this.last = type;
  }
}

/** For a parameter that borrows a pointer to `base`. `lent` is what gives something else than the address. */
function borrowing(where, base, expected = `${base} *`, lent = undefined) {
  const param = new PointerParam(where, expected, (type) => type.fits(base), lent);
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

module.exports = { borrowing, consuming };
