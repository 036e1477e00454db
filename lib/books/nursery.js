'use strict';
// The JavaScript half of native/env/nursery.h: pointers tracked last, kept here until there are many of them
// or one is large. Tracking and disposing of one that is here costs no weak reference and no slot.

const binding = require('../binding');
const { columnsOf } = require('../binding/nursery-columns');
const { LimitError, OutOfMemoryError, OverflowError } = require('../support/errors');
const { limits } = require('./channels');
const { largest } = require('./unowned');

const { nursery: protocol, refusal: Refusal } = binding.protocol;
const { CAPACITY, GIVEN, NO_SLOT, SMALLEST_BATCH, WAITING } = protocol;
// What is held here cannot be collected, so it must stay small.
const LARGE_NURSERY = 1024 * 1024;
// Of larger ones, fewer fit than are worth a batch.
const LARGE_POINTER = LARGE_NURSERY / SMALLEST_BATCH;
// What a pointer of size 0, which may be that of anything, counts here.
const UNKNOWN_SIZE = LARGE_NURSERY / 32;

const columns = columnsOf(binding.nursery, CAPACITY);
const { counter, addresses, sizes, kinds, slots } = columns;
const HAND = CAPACITY; // the entry of the pointer in hand
// What native code leaves in `counter` after a flush, beside the count at 0: see native/env/nursery.h.
const BATCHED = 1;
const RENEW = 2;
const REFUSAL = 3;
const MOST = 4;

// Of small pointers that get their slots together, native code watches only this array, which each of them
// reaches by its kind. It is theirs from then on, and the next have another: a copy, because V8 never makes a
// copy old from the start, as it does with arrays that come out of `new` when most of them have lived long.
const BLANK = new Array(CAPACITY).fill(null);

// The kind of the pointer in hand, which keeps its library loaded.
const hand = { kind: null };

class Nursery {
  #objects = BLANK.slice();
  #joined = []; // kinds that have a batch kind here
  // In a typed array: a variable that may hold more than 2^31 is a new heap number at every change.
  #bytes = new Float64Array(1);
  #tooLarge = LARGE_POINTER;
  #publish = null;
  #unpublished = 0; // entries that have got slots, of which the pointers may not know
  // The JavaScript destructor of the pointer that is entering, until it has got its slot: { index, run }.
  #own = { index: 0, run: null };

  /** Whether native code may have given slots that the pointers do not know: a full stack can end the loop that tells. */
  handlesStale = false;
  /** What the last flush advises: see reclaim.js. */
  advice = 0;

  /**
   * Sets the function (objects, slots, count, batched, own) that tells every pointer in `objects` the slot it has got,
   * and takes those from index `batched` on out of the array.
   */
  onFlush(callback) {
    this.#publish = callback;
  }

  get nextIndex() {
    return counter[0];
  }

  /** The size of the entry at `index`. */
  sizeOf(index) {
    return sizes[index];
  }

  /** Whether a pointer of that size and kind, without a parent, would stay here. */
  hasRoom(size, kind) {
    return (
      size < this.#tooLarge &&
      this.#bytes[0] + size < LARGE_NURSERY &&
      counter[0] + 1 < counter[MOST] &&
      kind.young &&
      !this.handlesStale
    );
  }

  /** Whether one of that kind may come here for a moment, until its size is known. */
  hasPlace(kind) {
    return counter[0] + 1 < counter[MOST] && this.#tooLarge > 0 && kind.young && !this.handlesStale;
  }

  /** Whether every pointer, from now on, gets its slot at once. */
  keepNone(on) {
    this.#tooLarge = on ? 0 : LARGE_POINTER;
  }

  /** What a pointer of that kind has for its kind while it is here. */
  joinBatch(kind) {
    this.#joined.push(kind);
    return (kind.batchKind = kind.inBatch(this.#objects));
  }

  /** Enters a pointer for which hasRoom(). Returns its index. */
  put(object, address, size, kind) {
    const index = counter[0];
    addresses[index] = address;
    sizes[index] = size;
    kinds[index] = kind.id;
    slots[index] = WAITING;
    this.#objects[index] = object;
    counter[0] = index + 1;
    slots[HAND] = NO_SLOT;
    this.#bytes[0] += size || UNKNOWN_SIZE;
    return index;
  }

  /** Gives the entry at `index`, entered with size 0, its size. Returns whether it may stay here with that. */
  resize(index, size) {
    const more = (size || UNKNOWN_SIZE) - UNKNOWN_SIZE;
    if (size >= this.#tooLarge || this.#bytes[0] + more >= LARGE_NURSERY) return false;
    sizes[index] = size;
    this.#bytes[0] += more;
    return true;
  }

  /** The entry at `index`, of that kind, is in hand again. Without a call, at which JavaScript may be stopped. */
  takeOut(index, kind) {
    this.#objects[index] = null;
    this.#bytes[0] -= sizes[index] || UNKNOWN_SIZE;
    hand.kind = kind;
    addresses[HAND] = addresses[index];
    kinds[HAND] = kind.id;
    slots[HAND] = WAITING;
    slots[index] = NO_SLOT;
    if (index + 1 === counter[0]) counter[0] = index;
  }

  /**
   * Enters a pointer that native code puts here, when `receive()` asks it to. Returns what that returned, 0 for done.
   * REQUIRES: nothing is here.
   */
  putByNative(object, size, receive) {
    this.#objects[0] = object;
    const answer = receive();
    if (answer === 0) this.#bytes[0] += size || UNKNOWN_SIZE;
    else this.#objects[0] = null;
    return answer;
  }

  /** Native code is about to free or release the entry at `index`: what C then does may come back here. */
  forget(index) {
    this.#objects[index] = null;
    this.#bytes[0] -= sizes[index] || UNKNOWN_SIZE;
  }

  /** Marks the entry at `index`, which C is about to take, or unmarks it when C did not. */
  give(index, given) {
    slots[index] = given ? GIVEN : WAITING;
  }

  /**
   * Gives a pointer that cannot stay here a slot, and all that are here too. Returns a Refusal: unless that is NONE, the
   * pointer is not tracked. `run` is its destructor in JavaScript, or null.
   */
  enter(object, address, size, kind, parent, run) {
    if (this.handlesStale) this.publishSlots();
    if (counter[0] === CAPACITY || this.#own.run !== null) {
      // Whatever entered the last one was stopped before it went on, by a vm timeout say.
      const refusal = this.flush();
      if (refusal !== Refusal.NONE) return refusal;
    }
    const index = this.put(object, address, size, kind);
    let refusal = Refusal.STOPPED;
    try {
      this.#own.index = index;
      this.#own.run = run;
      refusal = this.#assignSlots(parent, false);
    } catch (error) {
      if (slots[index] >= GIVEN) throw error;
      refusal = Refusal.NONE; // it is in the ledger, and publishSlots() will be called again
      this.advice = 0;
    } finally {
      // Without a call, which could fail again.
      if (refusal !== Refusal.NONE && slots[index] >= GIVEN) {
        this.#own.run = null;
        this.#objects[index] = null;
        // In hand again, unless the program is to make room first.
        if (run === null && refusal !== Refusal.OVER_LIMIT && refusal !== Refusal.PROCESS_FULL) {
          hand.kind = kind;
          addresses[HAND] = address;
          kinds[HAND] = kind.id;
          slots[HAND] = WAITING;
        }
        slots[index] = NO_SLOT;
        counter[0] = index;
        this.#bytes[0] -= size || UNKNOWN_SIZE;
      }
    }
    return refusal;
  }

  /**
   * Gives every pointer that is here a slot. Returns a Refusal. Who only wants figures need not follow the advice: the
   * next pointer finds no room here, and gets it again.
   */
  flush() {
    if (this.handlesStale) this.publishSlots();
    this.advice = 0;
    if (slots[HAND] !== WAITING) hand.kind = null;
    if (counter[0] === 0) {
      if (this.#joined.length > 0) this.#leaveBatch(BLANK.slice(), false); // idle kinds keep their libraries loaded
      return Refusal.NONE;
    }
    const refusal = this.#assignSlots(NO_SLOT, true);
    if (refusal !== Refusal.NONE || this.advice !== 0) this.#bytes[0] = LARGE_NURSERY;
    return refusal;
  }

  #assignSlots(parent, forced) {
    this.handlesStale = true;
    this.#unpublished = counter[0];
    const advice = binding.flush(this.#objects, parent, forced);
    const refusal = counter[REFUSAL];
    this.advice = advice;
    if (refusal === Refusal.NONE) this.publishSlots();
    else this.handlesStale = false;
    return refusal;
  }

  /** Tells the pointers that have got slots. May be cut short, and called again. */
  publishSlots() {
    if (counter[0] === 0) {
      this.#publish(this.#objects, slots, this.#unpublished, counter[BATCHED], this.#own);
      this.#leaveBatch(counter[RENEW] === 0 ? this.#objects : BLANK.slice(), counter[BATCHED] !== 0);
    }
    this.handlesStale = false;
  }

  /** Goes on with `next`. `isBatch`: native code watches the array before it. */
  #leaveBatch(next, isBatch) {
    for (let i = 0; i < this.#joined.length; i++) {
      const { batchKind } = this.#joined[i];
      // Watched one by one, they shall not keep what comes into the array after them.
      if (!isBatch && batchKind !== null) batchKind.batch = null;
      this.#joined[i].batchKind = null;
    }
    this.#joined.length = 0;
    this.#objects = next;
    this.#bytes[0] = 0;
  }
}

/** Throws what a Refusal means, of a pointer of that size. */
function throwRefusal(refusal, size) {
  if (refusal === Refusal.TOO_MUCH) throw new OverflowError(size);
  const isProcess = refusal === Refusal.PROCESS_FULL;
  if (!isProcess && refusal !== Refusal.OVER_LIMIT) throw new OutOfMemoryError();
  nursery.flush();
  const { usage: bytes, limit } = isProcess
    ? binding.processMemory()
    : { usage: binding.live(), limit: binding.limit() };
  if (limits.hasSubscribers) limits.publish({ bytes, limit, size });
  throw new LimitError(
    size,
    isProcess ? 'the process has' : 'all that is live has',
    bytes,
    limit,
    largest(3),
  );
}

/** Gives every pointer that is in the nursery a slot, or throws. */
function flushOrThrow() {
  const refusal = nursery.flush();
  if (refusal !== Refusal.NONE) throwRefusal(refusal, 0);
}

/** Has every pointer, and every destructor that is running, keep its library loaded from now on. Or throws. */
function pinLibraries() {
  flushOrThrow();
  binding.pinRunning();
}

const nursery = new Nursery();

module.exports = {
  ...{ NO_SLOT, Refusal, nursery, flushOrThrow, pinLibraries, throwRefusal },
  ...{ HAND, columns, hand },
};
