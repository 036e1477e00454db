'use strict';
// Calls that run on another thread: what they use is kept until their callback, tracked pointers by a
// hold in the ledger, everything else by a reference.

const { setImmediate } = require('node:timers');
const binding = require('../../binding');
const { Keeping } = require('../../pointers/kept');
const { access } = require('../../pointers/tracked-pointer');
const { abandonAsync, beginAsync, endAsync, forgetMade } = require('../size/counting');
const { UnsupportedError } = require('../../support/errors');
const { copied } = require('./change');
const { endIfLost, findFreed } = require('./freed');
const { lend } = require('./lend');
const { complete } = require('./outcome');
const { Transfer } = require('./transfer');

// C would make, or use, on another thread what is for one thread only.
function refuseSameThread({ name, params, producers }, args) {
  const refuse = (label) => {
    throw new UnsupportedError(
      `${name}.async() would use a pointer (${label}) on another thread: call ${name}()`,
    );
  };
  const see = (value) => {
    if (Array.isArray(value)) value.forEach(see); // what C takes out of there
    if (!access.isTracked(value)) return;
    const { label, type } = access.kindOf(value);
    if (type?.sameThread) refuse(label);
  };
  for (const { owned } of producers) if (owned.sameThread) refuse(owned.name);
  args.forEach((value, i) => {
    const inside = params[i]?.shape ?? params[i]?.changes;
    if (inside === undefined) see(value);
    else inside.each(value, see);
  });
}

/** REQUIRES: there are as many arguments as `raw` takes, and a callback after them. */
function callAsync(raw, plan, converts, args, freedAt, callback) {
  const given = copied(plan, args);
  refuseSameThread(plan, given);
  const letGo = lend(plan, given, freedAt, true);
  let keeping = null;
  let counted = null;
  let transfer; // null after the end
  try {
    if (plan.keeping !== null) keeping = new Keeping(plan.keeping, args);
    transfer = new Transfer(plan, converts, given, freedAt);
    if (plan.about !== null) counted = beginAsync(plan.about);
  } catch (error) {
    keeping?.undo();
    letGo();
    throw error;
  }

  // C has not begun.
  const refused = () => {
    transfer.refused();
    keeping?.undo();
    if (counted !== null) abandonAsync(counted);
  };

  const end = () => {
    args.forEach(endIfLost);
    args.length = 0;
    given.length = 0; // the FFI keeps `finished` for some time yet, and with it what `finished` reaches
    transfer = null;
    keeping = null;
    counted = null;
    forgetMade(); // what was not given is nobody's
    letGo();
  };

  const finished = (error, result) => {
    if (error) {
      refused(); // the arguments are converted first, before C runs
      end();
      callback(error);
      return;
    }
    let value;
    try {
      keeping?.done();
      value = complete(plan, transfer, result, args, counted === null ? null : endAsync(counted));
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
      if (binding.isAlive()) refused();
      end();
    }
    throw error;
  }
}

/** The `.async` of a function with ownership; `convertersOf()` returns what converts its arguments. */
function makeAsync(raw, plan, convertersOf) {
  const count = plan.params.length;
  return function (...args) {
    const at = plan.variadic ? args.length - 1 : count;
    const callback = args[at];
    // The FFI itself complains of what is missing.
    if (at < count || typeof callback !== 'function') return raw.async(...args);
    const converts = convertersOf();
    const freedAt = findFreed(plan, converts, args);
    const freed = args[freedAt];
    if (freedAt >= 0 && (access.isHeld(freed) || plan.frees.isUncounted(access.kindOf(freed).destructor))) {
      freed.dispose();
      setImmediate(callback, null, undefined);
      return undefined;
    }
    return callAsync(raw, plan, converts, args.slice(0, at), freedAt, callback);
  };
}

module.exports = { makeAsync };
