'use strict';
// Calls that run on another thread: what they use is kept until their callback, tracked pointers by a
// hold in the ledger, everything else by a reference.

const binding = require('../binding');
const { ArgumentTypeError } = require('../errors');
const { drain } = require('../reclaim');
const { internals } = require('../tracked-pointer');
const { Transfer } = require('./transfer');

function callAsync(raw, plan, converts, args) {
  const callback = args[args.length - 1];
  if (typeof callback !== 'function') {
    if (args.length === 0 || plan.variadic || args.length > plan.params.length) {
      throw new ArgumentTypeError(callback, 'callback', 'a function');
    }
    return raw.async(...args); // Koffi complains of the number
  }
  const given = args.slice(0, -1);
  if (plan.variadic ? given.length < plan.params.length : given.length !== plan.params.length) {
    return raw.async(...args);
  }
  const transfer = new Transfer(plan.params, converts, given);
  const held = given.filter((value, i) => plan.params[i]?.role === 'borrow' && internals.isTracked(value));
  const slots = held.map((pointer) => internals.slotOf(pointer));
  for (const slot of slots) binding.hold(slot);
  const letGo = () => {
    for (const slot of slots) binding.unhold(slot);
    drain(Infinity);
  };

  try {
    raw.async(...transfer.values, (error, result) => {
      letGo();
      let value = result;
      let failure = error;
      try {
        if (failure) {
          transfer.failed();
        } else {
          transfer.done(given);
          if (plan.producer !== null) value = plan.producer.produce(result, given);
        }
      } catch (problem) {
        failure = problem;
      }
      // Outside of the try: what the callback throws is its own affair.
      if (failure) callback(failure);
      else callback(error, value);
    });
  } catch (error) {
    transfer.failed();
    letGo();
    throw error;
  }
  return undefined;
}

module.exports = { callAsync };
