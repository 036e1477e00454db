'use strict';
// How many bytes of its arguments a C function uses, as its declaration says. The checked mode refuses calls that have fewer.

const { types } = require('node:util');
const checked = require('../../books/checked');
const { access } = require('../../pointers/tracked-pointer');
const { ArgumentTypeError, OutOfBoundsError } = require('../../support/errors');

function boundOf(value) {
  if (access.isTracked(value)) return value.disposed ? Infinity : access.boundAnew(value); // of the end others complain
  return ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value) ? value.byteLength : Infinity;
}

function check({ name, lengths }, args) {
  for (const { at, bytes, least } of lengths) {
    const bound = boundOf(args[at]);
    if (bound === Infinity) continue;
    const told = typeof bytes === 'number' ? args[bytes] : bytes(...args);
    if (typeof told !== 'number' && typeof told !== 'bigint') {
      if (typeof bytes === 'number') continue; // of which the FFI complains
      throw new ArgumentTypeError(told, `lengths[${at}]()`, 'bytes, a number or bigint');
    }
    if (Number(told) <= bound && told >= least) continue;
    const label = access.isTracked(args[at]) ? args[at].label : (args[at].constructor?.name ?? 'memory');
    throw new OutOfBoundsError(`let ${name}() use`, 0, Number(told), label, bound);
  }
}

/** `func`, which calls C as `plan` says, and in the checked mode no further than the memory of its arguments reaches. */
function bounded(func, plan) {
  if (plan.lengths.length === 0) return func;
  const { async } = func;
  const wrapped = function (...args) {
    if (checked.on) check(plan, args);
    return func(...args);
  };
  if (async === undefined) return wrapped;
  wrapped.async = function (...args) {
    if (checked.on) check(plan, args);
    return async(...args);
  };
  return wrapped;
}

module.exports = { bounded };
