'use strict';
// The JavaScript half of native/env/nursery.h: pointers tracked last, kept here until there are many of them
// or one is large. Tracking and disposing of one that is here costs no weak reference and no slot.

const binding = require('../binding');
const { columnsOf } = require('../binding/nursery-columns');
const { LimitError, OutOfMemoryError, OverflowError } = require('../support/errors');
const { limits } = require('./channels');
const { cohortOf } = require('./kinds');

const CAPACITY = binding.nurseryCapacity;
// What is held here cannot be collected, so it must stay small.
const LARGE_NURSERY = 1024 * 1024;
// Of larger ones, fewer fit than are worth watching together: kFewest in native/env/nursery.cc.
const LARGE_POINTER = LARGE_NURSERY / 8;
let tooLarge = LARGE_POINTER;
const WAITING = 0xfffffffe;
const GIVEN = 0xfffffffd;
const NO_SLOT = 0xffffffff;

// Answers of flush() beside an advice.
const NO_MEMORY = 256;
const TOO_MUCH = 257;
const OVER_LIMIT = 258;

const { counter, addresses, sizes, kinds, slots } = columnsOf(binding.nursery, CAPACITY);

// Of small pointers that get their slots together, native code watches only this array, which each of them
// reaches by its kind. It is theirs from then on, and the next have another: a copy, because V8 never makes a
// copy old from the start, as it does with arrays that come out of `new` when most of them have lived long.
const blank = new Array(CAPACITY).fill(null);
let objects = blank.slice();
const enrolled = []; // kinds that have a cohort here

// In a typed array: a variable that may hold more than 2^31 is a new heap number at every change.
const held = new Float64Array(1);
let tell;

// Whether native code may have given slots that the pointers do not know yet: a full stack can end the
// loop that tells them.
const parting = { open: false };
let told = 0;
// The JavaScript destructor of the one pointer at `index` that has its own, until that has got its slot.
const own = { index: 0, run: null };

/**
 * Sets the function (objects, slots, count, together) that tells every pointer in `objects` the slot it has
 * got, and takes those from index `together` on out of the array.
 */
function onFlush(callback) {
  tell = callback;
}

function settle(parent, forced) {
  parting.open = true;
  told = counter[0];
  const advice = binding.flush(objects, parent, forced);
  if (advice < NO_MEMORY) rejoin();
  else parting.open = false;
  return advice;
}

/** Tells the pointers that have got slots. May be cut short, and called again. */
function rejoin() {
  if (counter[0] === 0) {
    tell(objects, slots, told, counter[1]);
    const next = counter[2] === 0 ? objects : blank.slice();
    for (let i = 0; i < enrolled.length; i++) {
      const { cohort } = enrolled[i];
      // Watched one by one, they shall not keep what comes into the array after them.
      if (counter[1] === 0 && cohort !== null) cohort.batch = null;
      enrolled[i].cohort = null;
    }
    enrolled.length = 0;
    objects = next;
    held[0] = 0;
  }
  parting.open = false;
}

/** What a pointer of that kind has for its kind if it stays here. */
function enroll(kind) {
  enrolled.push(kind);
  return (kind.cohort = cohortOf(kind, objects));
}

/**
 * Gives a pointer that cannot stay here a slot, and all that are here too. Returns an advice or, and then
 * the pointer is not tracked, a refusal. `run` is a JavaScript destructor of this pointer alone, or null.
 */
function enter(object, address, size, kind, parent, run) {
  if (parting.open) rejoin();
  if (counter[0] === CAPACITY || own.run !== null) {
    // Whatever entered the last one was stopped before it went on, by a vm timeout say.
    const answer = flush();
    if (answer >= NO_MEMORY) return answer;
  }
  const index = put(object, address, size, kind);
  let advice = NO_MEMORY;
  try {
    own.index = index;
    own.run = run;
    advice = settle(parent, false);
  } catch (error) {
    if (slots[index] < GIVEN) return 0; // it is in the ledger, and rejoin() will be called again
    throw error;
  } finally {
    // Without a call, which could fail again.
    if (advice >= NO_MEMORY && slots[index] >= GIVEN) {
      own.run = null;
      objects[index] = null;
      slots[index] = NO_SLOT;
      counter[0] = index;
      held[0] -= size;
    }
  }
  return advice;
}

/** Whether a pointer of that size and kind, without a parent, would stay here. */
function hasRoom(size, kind) {
  return (
    size < tooLarge &&
    held[0] + size < LARGE_NURSERY &&
    counter[0] + 1 < CAPACITY &&
    kind.young &&
    !parting.open
  );
}

/** Whether every pointer, from now on, gets its slot at once. */
function keepNone(on) {
  tooLarge = on ? 0 : LARGE_POINTER;
}

/** Enters a pointer for which hasRoom(). Returns its index. */
function put(object, address, size, kind) {
  const index = counter[0];
  addresses[index] = address;
  sizes[index] = size;
  kinds[index] = kind.id;
  slots[index] = WAITING;
  objects[index] = object;
  counter[0] = index + 1;
  held[0] += size;
  return index;
}

/**
 * Enters a pointer that native code puts here, when `receive()` asks it to. Returns what that returned, 0 for done.
 * REQUIRES: nothing is here.
 */
function putByNative(object, size, receive) {
  objects[0] = object;
  const answer = receive();
  if (answer === 0) held[0] += size;
  else objects[0] = null;
  return answer;
}

/** The entry at `index` is about to be settled by native code: what C then does may come back here. */
function forget(index) {
  objects[index] = null;
  held[0] -= sizes[index];
}

/** Marks the entry at `index`, which C is about to take, or unmarks it when C did not. */
function give(index, given) {
  slots[index] = given ? GIVEN : WAITING;
}

/**
 * Gives every pointer that is here a slot. Returns an advice, or NO_MEMORY or TOO_MUCH. Who only wants to look need not
 * follow the advice: the next pointer finds no room here, and gets it again.
 */
function flush() {
  if (parting.open) rejoin();
  if (counter[0] === 0) return 0;
  const advice = settle(NO_SLOT, true);
  if (advice !== 0) held[0] = LARGE_NURSERY;
  return advice;
}

/** Throws what an answer of flush() means, if it was a refusal. */
function refused(answer, size) {
  if (answer === TOO_MUCH) throw new OverflowError(size);
  if (answer === NO_MEMORY || answer > OVER_LIMIT) throw new OutOfMemoryError();
  if (answer === OVER_LIMIT) {
    flush();
    const books = binding.stats();
    if (limits.hasSubscribers) {
      limits.publish({ bytes: books.bytes + books.manual, limit: books.limit, size });
    }
    throw new LimitError(size, books);
  }
}

module.exports = {
  GIVEN,
  NO_MEMORY,
  NO_SLOT,
  OVER_LIMIT,
  enroll,
  enter,
  flush,
  forget,
  give,
  hasRoom,
  keepNone,
  nextIndex: () => counter[0],
  onFlush,
  own,
  parting,
  put,
  putByNative,
  refused,
  rejoin,
};
