'use strict';
// Pointers whose destructors want what they need for themselves: they are held while an asynchronous call uses any of that.

const binding = require('../../binding');
const { access } = require('../../pointers/tracked-pointer');
const { OutOfMemoryError } = require('../../support/errors');

// The numbers of their kinds. One may be another's meanwhile, which then waits as well.
const kinds = new Set();
// Slots that asynchronous calls use -> the lists of what is held until they return: what is made meanwhile may be added.
const inUse = new Map();

/** An asynchronous call uses `slots`, which it will hold: what needs one of them is added. Returns what ends that. */
function useAlone(slots) {
  const used = new Set(slots);
  if (kinds.size > 0) {
    for (const slot of used) {
      if (binding.holdsOf(slot) === 0) continue;
      const dependents = binding.dependentSlots(slot);
      if (dependents === undefined) throw new OutOfMemoryError();
      for (const each of dependents) if (kinds.has(binding.kindOf(each))) slots.push(each);
    }
  }
  for (const slot of used) {
    if (!inUse.has(slot)) inUse.set(slot, new Set());
    inUse.get(slot).add(slots);
  }
  return () => {
    for (const slot of used) {
      const lists = inUse.get(slot);
      lists.delete(slots);
      if (lists.size === 0) inUse.delete(slot);
    }
  };
}

/** `pointer`, just made, is such a pointer. */
function needAlone(pointer) {
  const own = access.slotOf(pointer);
  kinds.add(binding.kindOf(own));
  for (const [slot, lists] of inUse) {
    if (!binding.dependsOn(own, slot)) continue;
    for (const slots of lists) {
      binding.hold(own);
      slots.push(own);
    }
  }
  return pointer;
}

module.exports = { needAlone, useAlone };
