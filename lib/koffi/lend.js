'use strict';
// Tracked pointers that a call uses for longer than its C function runs: for an asynchronous call until its
// callback, for one whose result depends on an argument until the result holds that argument itself.

const binding = require('../binding');
const calls = require('../calls');
const { drain } = require('../reclaim');
const { internals } = require('../tracked-pointer');

/** Holds the borrowed pointers among `args`. Returns the function that lets go of them. */
function lend(params, args) {
  const slots = [];
  for (let i = 0; i < args.length; i++) {
    const role = params[i] === undefined ? 'borrow' : params[i]?.role;
    if (role === 'borrow' && internals.isTracked(args[i])) slots.push(internals.slotOf(args[i]));
  }
  for (const slot of slots) binding.hold(slot);
  return () => {
    for (const slot of slots) binding.unhold(slot);
    if (slots.length > 0) drain(Infinity);
  };
}

/** Runs `body` while `slot` is held. */
function holding(slot, body) {
  binding.hold(slot);
  try {
    return body();
  } finally {
    binding.unhold(slot);
    calls.deferred = true; // it may be free to go
  }
}

module.exports = { holding, lend };
