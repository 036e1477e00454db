'use strict';
// How the result of one C function becomes a tracked pointer: its kind, its size, what it needs.

const { types } = require('node:util');
const binding = require('../../binding');
const { Form, kinds } = require('../../books/kinds');
const { NO_SLOT } = require('../../books/nursery');
const { adopt, adoptSized, adoptUnsized, freeOnError } = require('../../pointers/adopt');
const { bound, checkedDestructor, closed, direct } = require('../../pointers/destructors');
const { addressOfKept, adoptWith, checkKept, collect, passing } = require('../../pointers/kept');
const hook = require('../../pointers/observer-hook');
const { access, creation } = require('../../pointers/tracked-pointer');
const { background } = require('../../reclaim/background');
const { announce, freeWithoutKind } = require('../../reclaim/destroy');
const { OutOfMemoryError, UnsupportedError } = require('../../support/errors');
const { madeBytes, take } = require('../size/counting');
const { Measure } = require('../size/measure');
const { needAlone } = require('./exclusive');

const FREED = 'the pointer was freed';
const MOST_KINDS = 256; // that are known

const NOTHING = Object.freeze([]);

// What C has stored is where it stays; what it has returned is copied to where that is.
const isPlaced = ({ memory }) => types.isArrayBuffer(memory);

function placedIn(struct, found, { byValue }) {
  const placed = isPlaced(found) ? found : struct.place(found);
  passing.set(placed.memory, byValue?.());
  return placed;
}

function collected(values) {
  const into = new Set();
  for (const value of values) collect(value, into);
  return into;
}

/** The destructor of `owned` for pointers that come from `source`. Of free() of C it is the one that counts. */
function resolveDestructor(source, owned) {
  const { free } = owned;
  const symbol = typeof free === 'string' ? free : free.symbol;
  const found = symbol === undefined ? free.address : source.destructor(symbol, owned);
  const isCounted = owned.isExact || hook.observer !== null || hook.profiler !== null;
  const address = isCounted ? binding.countingFree(found) : found;
  if (symbol === undefined)
    return address === found ? free : checkedDestructor(free.form, address, free.args);
  return typeof free === 'string' ? direct(address) : bound(address, free);
}

/** What makes tracked pointers of type `owned` out of results of functions of `source`, a Source. */
class Producer {
  #kinds = new Map(); // by what the destructor is told
  #untold; // the kind of those whose destructor could not be told that

  constructor(source, owned) {
    this.source = source;
    this.owned = owned;
    // A copy: parameters know the type of a pointer by its destructor.
    this.destructor = { ...resolveDestructor(source, owned) };
    if (owned.tellsParent && !owned.depends) {
      throw new UnsupportedError(
        `'PARENT' needs a parent, and '${owned.name}' has none: say 'parent' or 'keeps'`,
      );
    }
    if (owned.exclusive && !owned.depends) {
      throw new UnsupportedError(
        `'exclusive' has no effect on '${owned.name}', which needs nothing: say 'parent' or 'keeps'`,
      );
    }
    if (owned.background) background.isUsed = true;
    this.measure = new Measure(source, owned);
    if (this.measure.counts) source.meter(owned);
    this.kind = this.destructor.isOpen ? null : this.#makeKind(this.destructor);
    // Whether every result but NULL is a pointer, and depends on nothing but the call's arguments.
    this.alone =
      !owned.depends &&
      owned.invalid === undefined &&
      owned.integer === undefined &&
      owned.struct === undefined &&
      this.kind !== null;
  }

  #makeKind(destructor) {
    const { owned, source } = this;
    const kind = kinds.make(owned.name, destructor, owned, source.library, owned.shared);
    const { way } = this.measure;
    if (way?.how === 'metered' && !binding.meterKind(kind.id, way.index)) throw new OutOfMemoryError();
    return kind;
  }

  /** The kind of pointers with that destructor, which was told what only their call knows. */
  #kindOf(destructor) {
    let kind = this.#kinds.get(destructor.key);
    if (kind === undefined) {
      if (this.#kinds.size === MOST_KINDS) this.#kinds.clear(); // its pointers have it still
      this.#kinds.set(destructor.key, (kind = this.#makeKind(destructor)));
    }
    return kind;
  }

  /**
   * What a pointer needs, and the kind of those whose destructor is told the same. Where that cannot be told, the pointer is
   * owned nevertheless: tell() asks again when it is freed.
   */
  #told(address, args) {
    let needs = NOTHING;
    const tell = () => {
      // Once: by the time that it is asked again, what is needed may have been ended, and is held.
      if (this.owned.depends && needs === NOTHING) needs = this.#needed(address, args);
      return closed(
        this.destructor,
        () => addressOfKept(needs[0]),
        (ask) => ask(address, ...args),
      );
    };
    try {
      return { kind: this.#kindOf(tell()), needs, tell: null };
    } catch (error) {
      this.#untold ??= this.#makeKind({ ...this.destructor, form: Form.JAVASCRIPT, args: [], ok: undefined });
      binding.noteFailure(this.#untold.id);
      queueMicrotask(() => announce(this.owned.name, error, 'It is tried again when the pointer ends. '));
      return { kind: this.#untold, needs, tell };
    }
  }

  /** Whether the size is asked of a function. */
  get asks() {
    return this.measure.constant < 0;
  }

  /** The address of a result that is `alone`; 0n for NULL. */
  found(result) {
    if (typeof result === 'bigint') return result;
    return result === null ? 0n : this.source.addressOf(result);
  }

  /** What produce() does, for a result that is `alone` and whose size is constant. */
  produceAlone(result) {
    const address = this.found(result);
    return address === 0n ? null : adopt(address, this.measure.constant, this.kind, NO_SLOT, null);
  }

  /** The pointer that adoptUnsized() has made, or null where it has not, with the size that its function said. */
  sized(pointer, address, size) {
    if (!Number.isSafeInteger(size) || size < 0) size = this.#checked(address, size, pointer);
    return adoptSized(pointer, address, size, this.kind);
  }

  /** The same for one whose size function has thrown `error`. Returns the error to throw. */
  unsized(pointer, address, error) {
    return this.#free(address, this.measure.threw(error, FREED), pointer);
  }

  /** What a size function said, if it is a size of another kind, such as a bigint. */
  #checked(address, size, pointer) {
    try {
      return this.measure.check(size, FREED);
    } catch (error) {
      throw this.#free(address, error, pointer);
    }
  }

  /** Frees a pointer that cannot be tracked because of `error`: `pointer`, if it has been made. Returns that error. */
  #free(address, error, pointer = null, kind = this.kind, run = kind.run) {
    if (pointer !== null) creation.takeOut(pointer, kind);
    return freeOnError(address, 0, kind, run, error);
  }

  /** The tracked pointer for what C returned; null for NULL, and for what says that it failed. */
  produce(result, args) {
    return this.produceCounted(result, args, 0, 0);
  }

  /** The same for a result whose `account`, if it is not 0, was counted to have `bytes`. */
  produceCounted(result, args, account, bytes) {
    if (result === null) return null;
    const { integer, invalid, struct } = this.owned;
    const placed = struct === undefined ? null : placedIn(struct, result, this.destructor);
    const address = placed === null ? this.addressOf(result) : placed.address;
    if (address === 0n && integer === undefined) return null;
    let untold = null; // what `invalid` has thrown: it is freed as one that is valid
    try {
      if (invalid?.(address)) return null;
    } catch (error) {
      untold = { error };
    }
    const told = integer === undefined ? address : integer.told(address);
    let { kind } = this;
    const asks = this.owned.parent !== undefined || (account === 0 && this.measure.constant < 0);
    const pointer = asks && kind !== null && placed === null ? adoptUnsized(address, kind) : null;
    let size = 0;
    let needed = NOTHING;
    let run = null;
    try {
      if (kind === null) {
        const { kind: own, needs, tell } = this.#told(told, args);
        kind = own;
        needed = needs;
        if (tell !== null) run = (found) => freeWithoutKind(tell(), found, size);
      } else if (this.owned.depends) {
        needed = this.#needed(told, args);
      }
      if (untold !== null) throw untold.error;
      size =
        account === 0
          ? this.measure.ofCall(told, args, FREED)
          : this.measure.way.counted(bytes, address, account);
      this.measure.compare(address, size);
    } catch (error) {
      const failure = this.#free(address, error, pointer, kind, run);
      if (placed !== null) passing.set(placed.memory); // which V8 would collect while it is freed
      throw failure;
    }
    if (placed !== null) needed = [...needed, placed.memory];
    if (needed === NOTHING && run === null) return adoptSized(pointer, address, size, kind);
    if (pointer !== null) creation.takeOut(pointer, kind);
    const made = adoptWith(address, size, kind, collected(needed), run);
    return this.owned.exclusive ? needAlone(made) : made;
  }

  /** What C has returned or stored without giving it: as the FFI tells it, and null for NULL. */
  plain(found) {
    const { integer, struct } = this.owned;
    if (struct !== undefined && isPlaced(found)) return struct.read(found.address);
    return found === 0n && integer === undefined ? null : found;
  }

  /** What is tracked for what C has returned or stored. */
  addressOf(found) {
    if (this.owned.struct !== undefined) return found.address;
    return this.owned.integer === undefined
      ? this.source.addressOf(found)
      : BigInt.asUintN(64, BigInt(found));
  }

  /** What is said of `found` to those who ask about a call. */
  told(found) {
    const { integer, struct } = this.owned;
    return integer === undefined && struct === undefined ? this.source.addressOf(found) || null : found;
  }

  /** What the pointer needs, a list. */
  #needed(address, args) {
    const { needs, parent } = this.owned;
    const found = parent === undefined ? NOTHING : [parent(address, ...args)].flat();
    for (const value of found) checkKept(value, 'parent()');
    for (const value of collected(found)) if (access.isTracked(value)) access.slotOf(value); // it was lent to nobody
    return [...needs.map((i) => args[i]), ...found];
  }

  /** Measures again a pointer at whose address there may be another one, if that tells its size. */
  remeasureAt(pointer) {
    if (typeof this.owned.size === 'string' && !this.owned.isExact) this.remeasure(pointer);
  }

  /** Measures again a pointer that a call may have changed. */
  remeasure(pointer) {
    if (this.owned.isExact) return; // which is up to date
    const delta = this.measure.way?.delta ?? null;
    if (delta === null) pointer.resize(this.measure.ofCall(pointer.address, [], 'its old size stands'));
    else pointer.resize(Math.max(pointer.size + (delta.take() ?? 0), 0));
  }
}

/** The same for a type whose pointers keep the account in which they were counted. */
class ExactProducer extends Producer {
  get asks() {
    return false;
  }

  produceAlone(result) {
    const account = take();
    const address = this.found(result);
    if (address === 0n) return null;
    let bytes = account === 0 ? 0 : madeBytes();
    if (bytes === 0) bytes = this.#rarely(address, account);
    const pointer = adopt(address, bytes, this.kind, NO_SLOT, null);
    access.setAccount(pointer, account);
    return pointer;
  }

  // The size of what was not counted, or to be 0.
  #rarely(address, account) {
    const { way } = this.measure;
    return account === 0 ? way.of(address) : way.counted(0, address, account);
  }

  produce(result, args) {
    const account = take(); // before anything else calls C
    const pointer = this.produceCounted(result, args, account, madeBytes());
    if (pointer !== null) access.setAccount(pointer, account);
    return pointer;
  }
}

/** What makes tracked pointers of type `owned` out of results of functions of `source`. */
function makeProducer(source, owned) {
  return owned.isExact ? new ExactProducer(source, owned) : new Producer(source, owned);
}

module.exports = { makeProducer };
