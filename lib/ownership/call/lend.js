'use strict';
// Tracked pointers that a call uses for longer than its C function runs: for an asynchronous call until its
// callback, for one that gives what depends on an argument until that holds the argument itself.

const binding = require('../../binding');
const { access } = require('../../pointers/tracked-pointer');
const views = require('../../pointers/views');
const { drainSlice } = require('../../reclaim/destroy');

function addSlot(value, slots) {
  if (access.isTracked(value)) slots.push(access.slotOf(value));
  const viewed = views.pointerOf(value);
  if (viewed?.disposed === false) slots.push(access.slotOf(viewed));
}

/**
 * Holds the pointers among `args` that a call of `plan` borrows, and those whose views it does. Returns the function that
 * lets go of them.
 */
function lend({ params, frees }, args) {
  const slots = [];
  for (let i = 0; i < args.length; i++) {
    const role = params[i] === undefined ? 'borrow' : params[i]?.role;
    if (role !== 'borrow') continue;
    const each = args[i];
    if (params[i]?.shape !== undefined) params[i].shape.each(each, (value) => addSlot(value, slots));
    else if (!access.isTracked(each) || !frees(access.kindOf(each).destructor, i)) addSlot(each, slots);
  }
  for (const slot of slots) binding.hold(slot);
  return () => {
    for (const slot of slots) binding.unhold(slot);
    if (slots.length > 0) drainSlice();
  };
}

module.exports = { lend };
