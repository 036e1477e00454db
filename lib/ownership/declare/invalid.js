'use strict';
// What C returns in place of a pointer where a call fails, if that is not NULL.

const { ArgumentTypeError, ArgumentValueError } = require('../../support/errors');
const { BITS } = require('../../support/word');

const EXPECTED = 'an address (number or bigint), a list of these, or a function of the address';
const { asIntN, asUintN } = BigInt;

function address(value, integer) {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) {
    throw new ArgumentTypeError(value, 'invalid', EXPECTED);
  }
  const given = BigInt(value);
  const bits = integer?.bits ?? BITS;
  const unsigned = asUintN(bits, given);
  if (unsigned === 0n && integer === undefined)
    throw new ArgumentValueError(value, 'invalid', 'another address: NULL always is null');
  if (given !== unsigned && asIntN(bits, given) !== given) {
    throw new ArgumentValueError(value, 'invalid', `an integer of ${bits} bits`);
  }
  return integer === undefined ? unsigned : asUintN(64, BigInt(integer.told(unsigned)));
}

/**
 * What tells whether an address, which may be that of a `struct`, or what stands for an `integer`, is one of these values. Its
 * `value` is one of them. undefined stays what it is.
 */
function checkInvalid(invalid, { integer, struct } = {}) {
  if (invalid === undefined) return undefined;
  if (typeof invalid === 'function') {
    return (found) => {
      const answer = invalid(integer === undefined ? found : integer.told(found));
      if (typeof answer !== 'boolean') throw new ArgumentTypeError(answer, 'invalid()', 'a boolean');
      return answer;
    };
  }
  if (struct !== undefined) {
    throw new ArgumentValueError(invalid, 'invalid', 'a function of the address of the struct');
  }
  const values = new Set(
    (Array.isArray(invalid) ? invalid : [invalid]).map((each) => address(each, integer)),
  );
  if (values.size === 0) throw new ArgumentValueError(invalid, 'invalid', 'a list that is not empty');
  return Object.assign((found) => values.has(found), { value: [...values][0] });
}

module.exports = { checkInvalid };
