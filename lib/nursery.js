'use strict';
// The JavaScript half of native/nursery.h: pointers tracked last, kept here until there are many of them
// or one is large. Tracking and disposing of one that is here costs no weak reference and no slot.

const binding = require('./binding');
const { LimitError, OutOfMemoryError, OverflowError } = require('./errors');

const CAPACITY = binding.nurseryCapacity;
// What is held here cannot be collected, so it must stay small.
const LARGE_POINTER = 64 * 1024;
const LARGE_NURSERY = 1024 * 1024;
const WAITING = 0xfffffffe;
const NO_SLOT = 0xffffffff;

// Answers of flush() beside an advice.
const NO_MEMORY = 256;
const TOO_MUCH = 257;
const OVER_LIMIT = 258;

const buffer = binding.nursery;
const counter = new Uint32Array(buffer, 0, 2);
const addresses = new BigUint64Array(buffer, 8, CAPACITY);
const sizes = new Float64Array(buffer, 8 + 8 * CAPACITY, CAPACITY);
const kinds = new Uint32Array(buffer, 8 + 16 * CAPACITY, CAPACITY);
const slots = new Uint32Array(buffer, 8 + 20 * CAPACITY, CAPACITY);
const objects = new Array(CAPACITY).fill(null);

let bytes = 0;
let promote;

/** Sets the function that tells a tracked pointer which slot it got. */
function onPromote(callback) {
  promote = callback;
}

/**
 * Enters a pointer at nursery index count(). Returns 0, or what flush() returned where it was time for
 * one: an advice, or a refusal, and then the pointer is not tracked.
 */
function enter(object, address, size, kind, parent) {
  const index = counter[0];
  addresses[index] = address;
  sizes[index] = size;
  kinds[index] = kind.id;
  slots[index] = WAITING;
  objects[index] = object;
  counter[0] = index + 1;
  bytes += size;
  if (
    size < LARGE_POINTER &&
    bytes < LARGE_NURSERY &&
    index + 1 < CAPACITY &&
    parent === NO_SLOT &&
    kind.young
  ) {
    return 0;
  }
  const advice = binding.flush(objects, parent, false);
  if (advice >= NO_MEMORY) withdraw(index);
  else settle(index + 1);
  return advice;
}

/** The entry at `index` is about to be settled by native code: what C then does may come back here. */
function forget(index) {
  objects[index] = null;
  bytes -= sizes[index];
}

/** Takes back the entry at `index`, the last, which native code did not want. */
function withdraw(index) {
  forget(index);
  slots[index] = NO_SLOT;
  counter[0] = index;
}

function settle(count) {
  for (let i = 0; i < count; i++) {
    if (objects[i] === null) continue;
    promote(objects[i], slots[i]);
    objects[i] = null;
  }
  bytes = 0;
}

/** Gives every pointer that is here a slot. Returns an advice, or NO_MEMORY or TOO_MUCH. */
function flush() {
  const count = counter[0];
  if (count === 0) return 0;
  const advice = binding.flush(objects, NO_SLOT, true);
  if (advice < NO_MEMORY) settle(count);
  return advice;
}

/** Throws what an answer of flush() means, if it was a refusal. */
function refused(answer, size) {
  if (answer === TOO_MUCH) throw new OverflowError(size);
  if (answer === NO_MEMORY) throw new OutOfMemoryError();
  if (answer === OVER_LIMIT) throw new LimitError(size, binding.stats());
}

module.exports = {
  NO_MEMORY,
  NO_SLOT,
  OVER_LIMIT,
  enter,
  flush,
  forget,
  nextIndex: () => counter[0],
  onPromote,
  refused,
};
