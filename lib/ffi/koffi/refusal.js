'use strict';
// After a call that threw there is one question on which a double free depends: did Koffi refuse an
// argument, so that C never had the pointers it takes, or did a callback throw after C had them? Koffi
// does not say. But it converts the same arguments the same way for a function that does nothing.

const { isNativeError } = require('node:util').types;
const binding = require('../../binding');
const { prototypeOf, toKoffiPointer } = require('./dialect');

// How Koffi begins to complain of an argument.
const REFUSAL = /^(Unexpected|Expected|Invalid|Cannot|Missing|Failed|Value|Array|String|Object|Type)/;

/** What tells whether `error` was Koffi's refusal of `values` as arguments of `raw`. In doubt, it was not. */
function makeRefusal(koffi, raw, directions) {
  let proto;
  return (values, error) => {
    if (!isNativeError(error) || !REFUSAL.test(error.message)) return false;
    try {
      proto ??= prototypeOf(koffi, raw, directions, 'void');
    } catch {
      return false;
    }
    try {
      koffi.call(toKoffiPointer(koffi, binding.nothing), proto, ...values);
      return false;
    } catch (refusal) {
      // In a worker that is being terminated every call fails, whatever its arguments; and arguments may
      // have changed since.
      return refusal.message === error?.message && refusal.name === error.name && binding.isAlive();
    }
  };
}

module.exports = { makeRefusal };
