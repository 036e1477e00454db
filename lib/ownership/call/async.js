'use strict';
// Calls that run on another thread: what they use is kept until their callback, tracked pointers by a
// hold in the ledger, everything else by a reference.

const { setImmediate } = require('node:timers');
const binding = require('../../binding');
const { Keeping } = require('../../pointers/kept');
const { access } = require('../../pointers/tracked-pointer');
const { freed } = require('./freed');
const { lend } = require('./lend');
const { complete } = require('./outcome');
const { Transfer } = require('./transfer');

/** REQUIRES: there are as many arguments as `raw` takes, and a callback after them. */
function callAsync(raw, plan, converts, args, callback) {
  const letGo = lend(plan, args);
  let keeping = null;
  let transfer; // null after the end
  try {
    if (plan.keeping !== null) keeping = new Keeping(plan.keeping, args);
    transfer = new Transfer(plan, converts, args);
  } catch (error) {
    keeping?.undo();
    letGo();
    throw error;
  }

  const end = () => {
    args.length = 0; // the FFI keeps `finished` for some time yet, and with it what `finished` reaches
    transfer = null;
    keeping = null;
    letGo();
  };

  const finished = (error, result) => {
    if (error) {
      transfer.refused(); // the arguments are converted first, before C runs
      keeping?.undo();
      end();
      callback(error);
      return;
    }
    let value;
    try {
      keeping?.done();
      value = complete(plan, transfer, result, args);
    } catch (problem) {
      end();
      callback(problem);
      return;
    }
    end();
    callback(error, value);
  };

  try {
    raw.async(...transfer.values, finished);
  } catch (error) {
    // The FFI tells the callback of a refusal before it returns: then this may be what the callback has thrown.
    if (transfer !== null) {
      if (binding.isAlive()) {
        transfer.refused(); // C has not begun
        keeping?.undo();
      }
      end();
    }
    throw error;
  }
}

/** The `.async` of a function with ownership. */
function makeAsync(raw, plan, converts) {
  const count = converts.length;
  return function (...args) {
    const at = plan.variadic ? args.length - 1 : count;
    const callback = args[at];
    // The FFI itself complains of what is missing.
    if (at < count || typeof callback !== 'function') return raw.async(...args);
    const pointer = freed(plan, converts, args);
    if (pointer !== undefined && access.isHeld(pointer)) {
      pointer.dispose();
      setImmediate(callback, null, undefined);
      return undefined;
    }
    return callAsync(raw, plan, converts, args.slice(0, at), callback);
  };
}

module.exports = { makeAsync };
