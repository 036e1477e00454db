'use strict';
// Calls that run on another thread: what they use is kept until their callback, tracked pointers by a
// hold in the ledger, everything else by a reference.

const { setImmediate } = require('node:timers');
const binding = require('../binding');
const { drain } = require('../reclaim');
const { internals } = require('../tracked-pointer');
const { complete } = require('./outcome');
const { Transfer } = require('./transfer');

function hold(params, args) {
  const slots = [];
  for (let i = 0; i < args.length; i++) {
    const { role } = params[i] ?? { role: 'borrow' };
    if (role === 'borrow' && internals.isTracked(args[i])) slots.push(internals.slotOf(args[i]));
  }
  for (const slot of slots) binding.hold(slot);
  return () => {
    for (const slot of slots) binding.unhold(slot);
    drain(Infinity);
  };
}

/** REQUIRES: there are as many arguments as `raw` takes, and a callback after them. */
function callAsync(raw, plan, converts, args, callback) {
  const transfer = new Transfer(plan.params, converts, args);
  const letGo = hold(plan.params, args);

  const finished = (error, result) => {
    if (error) {
      transfer.refused(); // Koffi converts the arguments on the other thread's behalf, before C runs
      letGo();
      callback(error);
      return;
    }
    let value;
    try {
      value = complete(plan, transfer, result, args);
    } catch (problem) {
      letGo();
      callback(problem);
      return;
    }
    letGo();
    callback(error, value);
  };

  try {
    raw.async(...transfer.values, finished);
  } catch (error) {
    if (binding.isAlive()) transfer.refused(); // C has not begun
    letGo();
    throw error;
  }
}

/** The `.async` of a function with ownership. */
function makeAsync(raw, plan, converts) {
  const count = converts.length;
  const destroys = count === 1 && plan.params[0]?.destroys === true;
  return function (...args) {
    const at = plan.variadic ? args.length - 1 : count;
    const callback = args[at];
    // Koffi itself complains of what is missing.
    if (at < count || typeof callback !== 'function') return raw.async(...args);
    const [value] = args;
    if (destroys && internals.isTracked(value) && internals.isHeld(value)) {
      converts[0](value);
      value.dispose();
      setImmediate(callback, null, undefined);
      return undefined;
    }
    return callAsync(raw, plan, converts, args.slice(0, at), callback);
  };
}

module.exports = { makeAsync };
