'use strict';
// A native pointer with an owner. Knows its address and where its books are kept; all else is native.

const { inspect } = require('node:util');
const binding = require('../binding');
const calls = require('../books/c-calls');
const { Form } = require('../books/kinds');
const nursery = require('../books/nursery');
const { makeRoom } = require('../reclaim/pressure');
const { destructors, drain, relieve, settleDeferred } = require('../reclaim/reclaim');
const { checkSize } = require('../support/check');
const { DisposedError, IllegalConstructorError, InUseError, OverflowError } = require('../support/errors');
const { hex } = require('../support/hex');
const views = require('./views');

const KEY = Symbol('ffi-tally');
const dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose');

// What other files of this library may do with a pointer, and users may not.
const internals = {};

class TrackedPointer {
  #address; // null after the end
  #handle; // a slot, or -1 - index while in the nursery
  #kind;

  constructor(key, address, handle, kind) {
    if (key !== KEY) throw new IllegalConstructorError();
    this.#address = address;
    this.#handle = handle;
    this.#kind = kind;
  }

  get address() {
    TrackedPointer.#check(this, 'read the address of');
    return this.#address;
  }

  get size() {
    if (this.#address === null) return 0;
    return binding.sizeOf(TrackedPointer.#settled(this));
  }

  get label() {
    return this.#kind.label;
  }

  get disposed() {
    return this.#address === null;
  }

  resize(bytes) {
    const size = checkSize(bytes, 'bytes');
    TrackedPointer.#check(this, 'resize');
    if (!binding.resize(TrackedPointer.#settled(this), size)) throw new OverflowError(size);
    if (views.any) views.shrink(this, size);
    relieve(binding.advise());
  }

  view(length) {
    TrackedPointer.#check(this, 'view');
    return views.open(this, this.#address, length);
  }

  dispose() {
    if (this.#address === null) return;
    if (views.any) views.close(this);
    const handle = TrackedPointer.#where(this);
    if (handle < 0 && calls.depth === 0 && this.#kind.young) {
      this.#address = null;
      nursery.forget(-1 - handle);
      calls.depth = 1;
      calls.destroying = true;
      try {
        binding.disposeYoung(-1 - handle);
      } finally {
        calls.depth = 0;
        calls.destroying = false;
      }
      if (calls.deferred) settleDeferred();
    } else {
      TrackedPointer.#disposeSettled(this);
    }
  }

  static #disposeSettled(pointer) {
    const slot = TrackedPointer.#settled(pointer);
    if (calls.depth === 0 && pointer.#kind.young) {
      pointer.#address = null;
      calls.depth = 1;
      calls.destroying = true;
      let more = true;
      try {
        more = binding.dispose(slot);
      } finally {
        calls.depth = 0;
        calls.destroying = false;
      }
      if (more) drain(Infinity);
      if (calls.deferred) settleDeferred();
      return;
    }
    pointer.#address = null;
    binding.end(slot);
    drain(Infinity);
  }

  release() {
    TrackedPointer.#check(this, 'release');
    const address = this.#address;
    internals.giveAway(this);
    internals.givenAway(this, false);
    return address;
  }

  toJSON() {
    return { label: this.label, size: this.size, disposed: this.disposed };
  }

  [inspect.custom](depth, options) {
    if (!(#address in this)) return options.stylize('TrackedPointer {}', 'special');
    const what = this.disposed ? 'disposed' : `${hex(this.#address)} ${this.size} bytes`;
    return `${options.stylize('TrackedPointer', 'special')} <${this.label}> { ${what} }`;
  }

  // Static: methods of instances would cost each of these a mark of its class, in memory and in time.

  static #check(pointer, what) {
    if (pointer.#address === null) throw new DisposedError(pointer.#kind.label, what);
  }

  // Where the books of a pointer are now.
  static #where(pointer) {
    if (nursery.parting.open) nursery.rejoin();
    return pointer.#handle;
  }

  // The slot, given now to a pointer that had none yet.
  static #settled(pointer) {
    if (TrackedPointer.#where(pointer) < 0) nursery.refused(nursery.flush(), 0);
    return pointer.#handle;
  }

  static {
    nursery.onFlush((objects, slots, count, together) => {
      for (let i = 0; i < count; i++) {
        if (objects[i] === null || slots[i] >= nursery.GIVEN) continue;
        objects[i].#handle = slots[i];
        if (i >= together) objects[i] = null;
      }
      const { own } = nursery;
      if (own.run === null) return;
      destructors.set(slots[own.index], own.run);
      own.run = null;
    });

    internals.make = (address, kind) => new TrackedPointer(KEY, address, 0, kind);

    // The same for a pointer for which the nursery has room.
    internals.makeYoung = (address, size, kind) => {
      const cohort = kind.cohort ?? nursery.enroll(kind);
      const pointer = new TrackedPointer(KEY, address, -1 - nursery.nextIndex(), cohort);
      nursery.put(pointer, address, size, kind);
      return pointer;
    };

    // The same for a pointer that native code enters, by `receive()`. REQUIRES: nothing is in the nursery.
    internals.makeByNative = (address, size, kind, receive) => {
      const cohort = kind.cohort ?? nursery.enroll(kind);
      const pointer = new TrackedPointer(KEY, address, -1, cohort);
      const answer = nursery.putByNative(pointer, size, receive);
      if (answer !== 0) pointer.#address = null;
      return { pointer, answer };
    };

    // Enters a new pointer into the books. Returns what nursery.enter() returned.
    internals.enter = (pointer, size, kind, parentSlot, run) => {
      if (nursery.parting.open) nursery.rejoin();
      pointer.#handle = -1 - nursery.nextIndex();
      const advice = nursery.enter(pointer, pointer.#address, size, kind, parentSlot, run);
      if (advice !== nursery.OVER_LIMIT || !makeRoom(size)) return advice;
      pointer.#handle = -1 - nursery.nextIndex();
      return nursery.enter(pointer, pointer.#address, size, kind, parentSlot, run);
    };

    internals.isTracked = (value) => typeof value === 'object' && value !== null && #address in value;

    internals.kindOf = (pointer) => pointer.#kind;

    // Whether the size is that of the memory itself: a pointer into memory of another charges nothing.
    views.isBounded = (pointer) => pointer.#kind.form !== Form.NONE;

    internals.slotOf = (pointer) => {
      TrackedPointer.#check(pointer, 'depend on');
      return TrackedPointer.#settled(pointer);
    };

    // For a pointer lent to a call that is not over: ended or not, its memory is there.
    internals.lentSlotOf = (pointer) => TrackedPointer.#settled(pointer);

    // The address, or null after the end.
    internals.addressOf = (pointer) => pointer.#address;

    // The address for a call that declares a pointer as `want` does; any other value unchanged.
    internals.lend = (value, want) => {
      if (typeof value !== 'object' || value === null || !(#address in value)) return value;
      const { type } = value.#kind;
      if (type !== want.last) want.check(type);
      if (value.#address === null) throw new DisposedError(value.#kind.label, `pass to ${want.where}`);
      return want.lent === undefined ? value.#address : want.lent(value, value.#address);
    };

    internals.isHeld = (pointer) =>
      TrackedPointer.#where(pointer) >= 0 && binding.holdsOf(pointer.#handle) > 0;

    // Ownership is about to go to C: the pointer is ended for JavaScript, its charge stays.
    internals.giveAway = (pointer) => {
      TrackedPointer.#check(pointer, 'give away');
      const handle = TrackedPointer.#where(pointer);
      if (handle < 0) {
        nursery.give(-1 - handle, true);
      } else {
        const holds = binding.give(handle);
        if (holds > 0) throw new InUseError(pointer.#kind.label, holds);
      }
      if (views.any) views.close(pointer);
      pointer.#address = null;
    };

    // The slot of a pointer that another thread is about to have: nobody uses it here.
    internals.unusedSlotOf = (pointer) => {
      TrackedPointer.#check(pointer, 'hand over');
      const slot = TrackedPointer.#settled(pointer);
      // A C call that is under way may be using it, for all that is known here.
      const holds = binding.holdsOf(slot) + (calls.depth === 0 ? 0 : 1);
      if (holds > 0) throw new InUseError(pointer.#kind.label, holds);
      return slot;
    };

    // It leaves the books, by `depart()`, for those of nobody.
    internals.depart = (pointer, depart) => {
      depart();
      pointer.#address = null;
      if (views.any) views.close(pointer);
    };

    // C never got it.
    internals.takeBack = (pointer, address) => {
      const handle = TrackedPointer.#where(pointer);
      if (handle < 0) nursery.give(-1 - handle, false);
      else binding.takeBack(handle);
      pointer.#address = address;
    };

    // It was never entered into the books.
    internals.discard = (pointer) => {
      pointer.#address = null;
    };

    // C has it, or has freed it: the charge is returned.
    internals.givenAway = (pointer, freed) => {
      const handle = TrackedPointer.#where(pointer);
      if (handle < 0) {
        nursery.forget(-1 - handle);
        binding.releaseYoung(-1 - handle, freed);
      } else {
        destructors.delete(handle);
        if (binding.release(handle, freed)) drain(Infinity);
      }
    };
  }
}

Object.defineProperty(TrackedPointer.prototype, dispose, {
  value: TrackedPointer.prototype.dispose,
  writable: true,
  configurable: true,
});

module.exports = { TrackedPointer, internals };
