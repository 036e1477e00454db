'use strict';
// Pointers whose destructors want what they need for themselves: they are held while an asynchronous call uses that.

const binding = require('../../binding');
const { access } = require('../../pointers/tracked-pointer');
const { OutOfMemoryError } = require('../../support/errors');

// What such pointers need.
const needed = new WeakSet();
// What asynchronous calls use -> the lists of what is held until they return: one that is made meanwhile may be such a pointer.
const inUse = new WeakMap();

/** An asynchronous call uses `pointers`, and holds `slots`: what needs one of them is added. Returns what ends that. */
function useAlone(pointers, slots) {
  const used = new Set(pointers);
  for (const pointer of used) {
    if (!needed.has(pointer)) continue;
    const dependents = binding.dependentSlots(access.slotOf(pointer));
    if (dependents === undefined) throw new OutOfMemoryError();
    for (const each of dependents) slots.push(each);
  }
  for (const pointer of used) {
    if (!inUse.has(pointer)) inUse.set(pointer, new Set());
    inUse.get(pointer).add(slots);
  }
  return () => {
    for (const pointer of used) {
      const lists = inUse.get(pointer);
      lists.delete(slots);
      if (lists.size === 0) inUse.delete(pointer);
    }
    used.clear(); // the FFI keeps for some time what reaches this
  };
}

/** `pointer`, just made, is such a pointer, and needs `values`. */
function needAlone(pointer, values) {
  for (const value of values) {
    if (!access.isTracked(value)) continue;
    needed.add(value);
    for (const slots of inUse.get(value) ?? []) {
      const own = access.slotOf(pointer);
      binding.hold(own);
      slots.push(own);
    }
  }
  return pointer;
}

module.exports = { needAlone, useAlone };
