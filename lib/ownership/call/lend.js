'use strict';
// Tracked pointers that a call uses for longer than its C function runs: for an asynchronous call until its
// callback, for one that gives what depends on an argument until that holds the argument itself.

const binding = require('../../binding');
const { access } = require('../../pointers/tracked-pointer');
const views = require('../../pointers/views');
const { drainSlice } = require('../../reclaim/destroy');
const { useAlone } = require('./exclusive');

// Of those that have ended others complain, who know which argument it is.
function add(value, pointers) {
  if (access.isTracked(value) && !value.disposed) pointers.push(value);
  const viewed = views.pointerOf(value);
  if (viewed?.disposed === false) pointers.push(viewed);
}

/**
 * Holds the pointers among `args` that a call of `plan` borrows, and those whose views it does; where it is on another thread
 * (`isAsync`), also those that must not be freed beside it. The call frees the argument `freedAt`. Returns the function that lets
 * go of them.
 */
function lend({ params }, args, freedAt, isAsync) {
  const pointers = [];
  for (let i = 0; i < args.length; i++) {
    const each = args[i];
    if (i === freedAt) continue;
    params[i]?.changes?.each(each, (value, isTaken) => isTaken || add(value, pointers));
    const role = params[i] === undefined ? 'borrow' : params[i]?.role;
    if (role !== 'borrow') continue;
    if (params[i]?.shape !== undefined) params[i].shape.each(each, (value) => add(value, pointers));
    else add(each, pointers);
  }
  const slots = pointers.map(access.slotOf);
  pointers.length = 0; // the FFI keeps for some time what reaches this
  const end = isAsync && slots.length > 0 ? useAlone(slots) : null;
  for (const slot of slots) binding.hold(slot);
  return () => {
    end?.();
    for (const slot of slots) binding.unhold(slot);
    if (slots.length > 0) drainSlice();
  };
}

module.exports = { lend };
