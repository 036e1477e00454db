'use strict';
// Turns what JavaScript passes for one parameter into what the FFI takes.

const binding = require('../../binding');
const { internals } = require('../../pointers/tracked-pointer');
const { TypeMismatchError } = require('../../support/errors');

/** What a parameter expects of a tracked pointer. */
class Want {
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
  const want = new Want(where, expected, (type) => type.fits(base), lent);
  return (value) => internals.lend(value, want);
}

/** For a parameter through which C takes a pointer of type `owned`. */
function consuming(where, owned) {
  const want = new Want(where, owned.name, (type) => type.name === owned.name);
  return (value) => {
    const lent = internals.lend(value, want);
    // Koffi 2 would compare the type of an External with one that exists for ownership only.
    return typeof lent === 'object' && lent !== null ? (binding.externalAddress(lent) ?? lent) : lent;
  };
}

module.exports = { borrowing, consuming };
