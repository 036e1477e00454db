'use strict';
// The option `lengths`: how many bytes of which arguments C uses, as other arguments say.

const { ArgumentTypeError, ArgumentValueError, UnsupportedError } = require('../../support/errors');
const { checkArgument, checkIndex } = require('./keeps');

const EXPECTED = 'numbers of arguments, and for each what tells its length';

/**
 * What `lengths` says of a function with `count` parameters: [{ at, bytes }], where `bytes` is a number of an argument, or
 * a function.
 */
function checkLengths(lengths, count) {
  if (lengths === undefined) return [];
  if (typeof lengths !== 'object' || lengths === null || Array.isArray(lengths)) {
    throw new ArgumentTypeError(lengths, 'lengths', EXPECTED);
  }
  const all = Object.entries(lengths);
  if (all.length === 0) throw new ArgumentValueError(lengths, 'lengths', EXPECTED);
  return all.map(([key, bytes]) => {
    if (!/^(0|[1-9]\d*)$/.test(key)) throw new ArgumentValueError(key, 'lengths', EXPECTED);
    const at = checkArgument(Number(key), 'lengths', count);
    if (typeof bytes !== 'function')
      checkArgument(checkIndex(bytes, `lengths[${at}]`), `lengths[${at}]`, count);
    return { at, bytes };
  });
}

/**
 * `lengths` of the function `name`, each with the `least` that may be told: what is negative means something else, if that
 * argument `isSigned`. Throws where that means the length of no pointer, or a pointer for a length.
 */
function checkMeasured(name, lengths, isPointer, isSigned) {
  return lengths.map(({ at, bytes }) => {
    if (!isPointer(at) || isPointer(bytes)) {
      const wrong = isPointer(at) ? `${bytes} is a pointer, and no length` : `${at} is no pointer`;
      throw new UnsupportedError(`'lengths' has no effect on ${name}(): argument ${wrong}`);
    }
    return { at, bytes, least: typeof bytes === 'number' && isSigned(bytes) ? -Infinity : 0 };
  });
}

module.exports = { checkLengths, checkMeasured };
