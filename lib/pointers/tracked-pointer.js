'use strict';
// A native pointer with an owner. Knows its address and where its books are kept; all else is native.

const { inspect } = require('node:util');
const binding = require('../binding');
const calls = require('../books/c-calls');
const checked = require('../books/checked');
const { Form } = require('../books/kinds');
const { Refusal, flushOrThrow, nursery } = require('../books/nursery');
const {
  attempt,
  disposeAlone,
  disposeSlot,
  disposeYoung,
  drainSlice,
  scripts,
} = require('../reclaim/destroy');
const { hasRoomFor, makeRoom } = require('../reclaim/pressure');
const { processRoom } = require('../reclaim/process-room');
const { follow } = require('../reclaim/reclaim');
const turn = require('../reclaim/turn');
const { checkBoolean, checkOptions, checkSize } = require('../support/check');
const {
  DisposedError,
  IllegalConstructorError,
  InUseError,
  OutOfMemoryError,
  OverflowError,
  UnsupportedError,
} = require('../support/errors');
const { hex } = require('../support/hex');
const { needRoom } = require('../support/stack');
const { weakly } = require('../support/weak');
const views = require('./views');

const { GIVEN } = binding.protocol.nursery;
const KEY = Symbol('ffi-tally');
const OPTIONS = ['children'];
const UNKNOWN = -1;
const LARGEST_SMALL = 2 ** 30;
const dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose');

// What other files of this library may do with a pointer, and users may not: see and use it,
const access = {};
// make it,
const creation = {};
// and give it to C or to another thread: begin() ends it for JavaScript, then either commit() or rollBack().
const transfer = {};

function resizeSlot(slot, size) {
  if (!hasRoomFor(size) || !binding.resize(slot, size)) return false;
  follow();
  return true;
}

class TrackedPointer {
  #address; // null after the end
  #handle; // a slot, or -1 - index while in the nursery
  #kind;
  #account = 0; // of what C allocates for it, where that is counted: see ../ownership/size/counting.js
  #bound = UNKNOWN; // how many bytes it reaches
  #mark = 0; // of the outermost call that it was lent last: see c-calls.js

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
    const handle = TrackedPointer.#handleOf(this);
    return handle < 0 ? nursery.sizeOf(-1 - handle) : binding.sizeOf(handle);
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
    const slot = TrackedPointer.#slotOf(this);
    if (views.any && size < this.size && views.isBounded(this) && !binding.emptyViews(slot, size)) {
      throw new InUseError(this.#kind.label, 1);
    }
    if (!binding.resize(slot, size)) throw new OverflowError(size);
    this.#bound = UNKNOWN;
    follow();
  }

  view(length) {
    TrackedPointer.#checkMemory(this, 'view');
    return views.open(this, TrackedPointer.#slotOf(this), length);
  }

  copy(length) {
    TrackedPointer.#checkMemory(this, 'copy');
    return views.copy(this, length);
  }

  dispose(options) {
    if (options !== undefined) TrackedPointer.#disposeChildren(this, options);
    if (this.#address === null) return;
    const handle = TrackedPointer.#handleOf(this);
    if (this.#kind.young && (handle < 0 ? TrackedPointer.#isUnlent(this) : calls.isIdle)) {
      this.#address = null;
      if (handle < 0) disposeYoung(-1 - handle);
      else if (disposeSlot(handle)) TrackedPointer.#drainBeside(this);
    } else {
      TrackedPointer.#disposeSlowly(this);
    }
  }

  static #disposeChildren(pointer, options) {
    checkOptions(options, OPTIONS);
    if (!checkBoolean(options.children ?? false, 'children')) return;
    const slot = TrackedPointer.#handleOf(pointer);
    if (slot < 0 || (pointer.#address === null && binding.kept(slot)?.ended?.deref() !== pointer)) return;
    const dependents = binding.dependents(slot);
    if (dependents === undefined) throw new OutOfMemoryError();
    for (const each of dependents) each.dispose();
  }

  // It ends, and is held: by what is kept until its slot is another's, #disposeChildren() finds it.
  static #noteHeld(pointer) {
    const kept = binding.kept(pointer.#handle);
    if (kept !== undefined) kept.ended = weakly(pointer);
    else binding.keep(pointer.#handle, { ended: weakly(pointer) });
  }

  static #drainBeside(held) {
    TrackedPointer.#noteHeld(held);
    drainSlice();
    calls.catchUp();
  }

  static #disposeSlowly(pointer) {
    const slot = TrackedPointer.#slotOf(pointer);
    if (pointer.#kind.destructor.ok !== undefined && TrackedPointer.#isUnlent(pointer)) {
      if (!access.isHeld(pointer)) return TrackedPointer.#disposeOrThrow(pointer, slot);
    }
    if (!calls.isIdle && TrackedPointer.#isUnlent(pointer)) {
      if (access.isHeld(pointer)) TrackedPointer.#noteHeld(pointer);
      pointer.#address = null;
      disposeAlone(slot);
    } else {
      pointer.#address = null;
      if (binding.end(slot)) TrackedPointer.#noteHeld(pointer);
      drainSlice();
    }
  }

  // Frees a pointer whose destructor says whether it could, as a call of C would that takes it.
  static #disposeOrThrow(pointer, slot) {
    needRoom(); // once C has it, nobody but this could give it back
    const address = pointer.#address;
    transfer.begin(pointer);
    const failure = attempt(slot);
    if (failure !== undefined) binding.noteFailure(pointer.#kind.id);
    if (failure?.stays) transfer.rollBack(pointer, address);
    else transfer.commit(pointer, true);
    calls.catchUp();
    if (failure?.error !== undefined) throw failure.error;
  }

  release() {
    TrackedPointer.#check(this, 'release');
    if (this.#kind.type?.struct !== undefined) {
      throw new UnsupportedError(
        `Cannot release a struct (${this.label}): it lies in memory of JavaScript's, which goes with it`,
      );
    }
    const address = this.#address;
    const handle = TrackedPointer.#handleOf(this);
    if (handle >= 0 && binding.hasEndedParent(handle)) throw new InUseError(this.label);
    transfer.begin(this);
    transfer.commit(this, false, false);
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

  static #checkMemory(pointer, what) {
    TrackedPointer.#check(pointer, what);
    const { label, type } = pointer.#kind;
    if (type?.integer === undefined) return;
    throw new UnsupportedError(`Cannot ${what} what an integer (${label}) stands for: it is no memory`);
  }

  static #findBound(pointer) {
    const { type } = pointer.#kind;
    if (type?.integer !== undefined) return UNKNOWN; // it has no memory
    // 0 is the size of what nobody knows.
    const bound = type?.isExtent === false ? Infinity : views.extentOf(pointer) || Infinity;
    if (bound <= LARGEST_SMALL) pointer.#bound = bound; // others would need an object each
    return bound;
  }

  static #markLent(pointer) {
    if (!calls.isIdle && !calls.isOnStack(pointer.#mark)) pointer.#mark = calls.mark;
  }

  // Whether no C call that is on the stack may be using it.
  static #isUnlent(pointer) {
    return calls.isIdle || (calls.mayFreeUnlent && !calls.isOnStack(pointer.#mark));
  }

  // Where the books of a pointer are now.
  static #handleOf(pointer) {
    if (nursery.handlesStale) nursery.publishSlots();
    return pointer.#handle;
  }

  // The slot, given now to a pointer that had none yet.
  static #slotOf(pointer) {
    if (TrackedPointer.#handleOf(pointer) < 0) flushOrThrow();
    return pointer.#handle;
  }

  static #enter(pointer, size, kind, parentSlot, run) {
    pointer.#handle = -1 - nursery.nextIndex;
    return nursery.enter(pointer, pointer.#address, size, kind, parentSlot, run);
  }

  static {
    nursery.onFlush((objects, slots, count, batched, own) => {
      for (let i = 0; i < count; i++) {
        const object = objects[i];
        if (object === null || slots[i] >= GIVEN) continue;
        object.#handle = slots[i];
        if (i === own.index && own.run !== null) {
          const script = {
            slot: slots[i],
            run: own.run,
            address: object.#address,
            label: object.#kind.label,
          };
          if (scripts.set(script)) object.#kind.isWatched = true;
          own.run = null;
        }
        if (i >= batched) objects[i] = null;
      }
    });

    access.isTracked = (value) => typeof value === 'object' && value !== null && #address in value;

    access.kindOf = (pointer) => pointer.#kind;

    access.accountOf = (pointer) => pointer.#account;

    access.setAccount = (pointer, account) => {
      pointer.#account = account;
    };

    // What C allocates for it has changed; how much of it can be seen has not.
    access.setSize = (pointer, size) => {
      if (!binding.resize(TrackedPointer.#slotOf(pointer), size)) throw new OverflowError(size);
      pointer.#bound = UNKNOWN;
      follow();
    };

    // How many bytes may be read and written there; Infinity where that is not known.
    access.boundOf = (pointer) =>
      pointer.#bound === UNKNOWN ? TrackedPointer.#findBound(pointer) : pointer.#bound;

    // The same, found out again: C may have changed it.
    access.boundAnew = TrackedPointer.#findBound;

    // The address, or null after the end.
    access.addressOf = (pointer) => pointer.#address;

    access.slotOf = (pointer) => {
      TrackedPointer.#check(pointer, 'depend on');
      return TrackedPointer.#slotOf(pointer);
    };

    // For a pointer lent to a call that is not over: ended or not, its memory is there.
    access.lentSlotOf = (pointer) => TrackedPointer.#slotOf(pointer);

    // The address for a call that declares a pointer as `param`, a PointerParam, does; any other value unchanged.
    access.lend = (value, param) => {
      if (typeof value !== 'object' || value === null || !(#address in value)) return value;
      const kind = value.#kind;
      if (kind.destructor !== param.last) param.check(kind, value);
      if (value.#address === null)
        throw new DisposedError(value.#kind.label, 'pass', param.where, param.takes);
      TrackedPointer.#markLent(value);
      return param.lent === undefined ? value.#address : param.lent(value, value.#address);
    };

    // The address for a call that declares nothing of this argument; any other value unchanged.
    access.lendUndeclared = (value) => {
      if (typeof value !== 'object' || value === null || !(#address in value)) return value;
      TrackedPointer.#check(value, 'pass');
      TrackedPointer.#markLent(value);
      return value.#address;
    };

    access.isHeld = (pointer) =>
      TrackedPointer.#handleOf(pointer) >= 0 && binding.holdsOf(pointer.#handle) > 0;

    // Whether the size is that of the memory itself: a pointer into memory of another charges nothing.
    views.isBounded = (pointer) => pointer.#kind.form !== Form.NONE;

    // What is counted for a pointer lies in many blocks, of which it points to one.
    views.extentOf = (pointer) => {
      if (!views.isBounded(pointer)) return Infinity;
      const { type } = pointer.#kind;
      if (type?.struct !== undefined) return type.struct.size;
      const block = binding.countedBytes(pointer.#address);
      if (block === 0 && pointer.#account !== 0) return 0;
      return block === 0 ? pointer.size : Math.min(block, pointer.size);
    };

    creation.make = (address, kind) => new TrackedPointer(KEY, address, 0, kind);

    // The same for a pointer for which the nursery has room.
    creation.makeYoung = (address, size, kind) => {
      const own = kind.batchKind ?? nursery.joinBatch(kind);
      const pointer = new TrackedPointer(KEY, address, -1 - nursery.nextIndex, own);
      nursery.put(pointer, address, size, kind);
      return pointer;
    };

    // Gives one that was made with size 0 its size. Returns whether it can stay where it is.
    creation.resize = (pointer, size) => {
      const handle = TrackedPointer.#handleOf(pointer);
      return handle < 0 ? nursery.resize(-1 - handle, size) : resizeSlot(handle, size);
    };

    // Nobody has seen it: takes it out of the books again.
    creation.takeOut = (pointer, kind) => {
      const handle = TrackedPointer.#handleOf(pointer);
      if (handle < 0) nursery.takeOut(-1 - handle, kind);
      else binding.release(handle, false);
      pointer.#address = null;
    };

    // The same for a pointer that native code enters, by `receive()`. REQUIRES: nothing is in the nursery.
    creation.makeByNative = (address, size, kind, receive) => {
      const own = kind.batchKind ?? nursery.joinBatch(kind);
      const pointer = new TrackedPointer(KEY, address, -1, own);
      const answer = nursery.putByNative(pointer, size, receive);
      if (answer !== 0) pointer.#address = null;
      return { pointer, answer };
    };

    // Enters a new pointer into the books. Returns a Refusal.
    creation.enter = (pointer, size, kind, parentSlot, run) => {
      if (nursery.handlesStale) nursery.publishSlots();
      const refusal = TrackedPointer.#enter(pointer, size, kind, parentSlot, run);
      if (refusal === Refusal.PROCESS_FULL) {
        if (!processRoom.make(size)) return refusal;
        binding.admitNext();
      } else if (refusal !== Refusal.OVER_LIMIT || !makeRoom(size)) {
        return refusal;
      }
      return TrackedPointer.#enter(pointer, size, kind, parentSlot, run);
    };

    // It was never entered into the books.
    creation.discard = (pointer) => {
      pointer.#address = null;
    };

    // Its charge stays until commit().
    transfer.begin = (pointer) => {
      if (checked.on) checked.tellLosses();
      TrackedPointer.#check(pointer, 'give away');
      const handle = TrackedPointer.#handleOf(pointer);
      if (handle < 0) {
        nursery.give(-1 - handle, true);
      } else {
        let holds = binding.give(handle);
        if (holds > 0 && views.letGo()) {
          TrackedPointer.#check(pointer, 'give away'); // destructors may have run
          holds = binding.give(handle);
        }
        if (holds > 0) throw new InUseError(pointer.#kind.label, holds);
      }
      if (checked.on) binding.disownBlock(pointer.#address);
      pointer.#address = null;
    };

    // C has it, or has freed it, or the program has it: the charge is returned.
    transfer.commit = (pointer, freed, isTaken = !freed) => {
      const handle = TrackedPointer.#handleOf(pointer);
      if (handle < 0) {
        nursery.forget(-1 - handle);
        binding.releaseYoung(-1 - handle, freed);
      } else {
        scripts.delete(handle);
        if (isTaken) binding.kept(handle)?.stay();
        if (binding.release(handle, freed)) drainSlice();
      }
    };

    // C has returned `result`. If it was the destructor, that may say that it has failed.
    transfer.conclude = (pointer, address, freed, result) => {
      const { ok, isBool, retry } = pointer.#kind.destructor;
      const says = freed && ok !== undefined && result !== undefined;
      const fails = says && (isBool ? Number(Boolean(result)) : Number(result) | 0) !== ok;
      if (fails) binding.noteFailure(pointer.#kind.id);
      if (fails && retry) transfer.rollBack(pointer, address);
      else transfer.commit(pointer, freed);
    };

    // C never got it.
    transfer.rollBack = (pointer, address) => {
      const handle = TrackedPointer.#handleOf(pointer);
      if (handle < 0) nursery.give(-1 - handle, false);
      else binding.takeBack(handle);
      if (checked.on) binding.ownBlock(address);
      pointer.#address = address;
    };

    // The slot of a pointer that another thread is about to have: nobody uses it here.
    transfer.unusedSlotOf = (pointer) => {
      TrackedPointer.#check(pointer, 'hand over');
      const slot = TrackedPointer.#slotOf(pointer);
      let holds = binding.othersOf(slot);
      if (holds > 0 && views.letGo()) {
        TrackedPointer.#check(pointer, 'hand over');
        holds = binding.othersOf(slot);
      }
      if (!calls.isIdle) {
        holds++; // the C call that is under way may be using it, for all that is known here
        turn.schedule(); // unless it was cut off, which only a turn will tell
      }
      if (holds > 0) throw new InUseError(pointer.#kind.label, holds);
      return slot;
    };

    // It leaves these books by `send()`, at once.
    transfer.send = (pointer, send) => {
      send();
      if (checked.on) binding.disownBlock(pointer.#address);
      pointer.#address = null;
    };
  }
}

Object.defineProperty(TrackedPointer.prototype, dispose, {
  value: TrackedPointer.prototype.dispose,
  writable: true,
  configurable: true,
});

module.exports = { TrackedPointer, access, creation, transfer };
