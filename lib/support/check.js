'use strict';
// Argument checks and their one message shape.

const { ArgumentTypeError, ArgumentValueError, UnknownOptionError } = require('./errors');

function refuse(value, name, expected) {
  const Kind =
    typeof value === 'number' || typeof value === 'bigint' ? ArgumentValueError : ArgumentTypeError;
  throw new Kind(value, name, expected);
}

/** A count of bytes as a number: a safe integer, not negative. Bigints are welcome. */
function checkSize(value, name) {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  if (typeof value === 'bigint' && value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER))
    return Number(value);
  return refuse(value, name, 'a safe non-negative integer');
}

/** The same, and not 0. */
function checkBytes(value, name, expected = 'at least one byte') {
  const bytes = checkSize(value, name);
  if (bytes === 0) throw new ArgumentValueError(value, name, expected);
  return bytes;
}

/** A signed count of bytes as a number. */
function checkDelta(value, name) {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  if (typeof value === 'bigint') {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
  }
  return refuse(value, name, 'a safe integer');
}

/** A number that `isWithin` what is `expected`. */
function checkNumber(value, name, isWithin, expected) {
  if (typeof value !== 'number') throw new ArgumentTypeError(value, name, 'a number');
  if (!isWithin(value)) throw new ArgumentValueError(value, name, expected);
  return value;
}

function checkOptions(options, known, expected = 'an object') {
  if (typeof options !== 'object' || options === null) {
    throw new ArgumentTypeError(options, 'options', expected);
  }
  for (const name in options) {
    if (!known.includes(name) && Object.hasOwn(options, name)) throw new UnknownOptionError(name, known);
  }
}

function checkLabel(value) {
  if (typeof value !== 'string' || value === '') {
    throw new ArgumentTypeError(value, 'label', 'a non-empty string');
  }
  return value;
}

function checkBoolean(value, name) {
  if (typeof value !== 'boolean') throw new ArgumentTypeError(value, name, 'a boolean');
  return value;
}

function checkFunction(value, name) {
  if (typeof value !== 'function') throw new ArgumentTypeError(value, name, 'a function');
  return value;
}

module.exports = {
  ...{ checkBoolean, checkBytes, checkDelta, checkFunction },
  ...{ checkLabel, checkNumber, checkOptions, checkSize },
};
