'use strict';
// How the result of one C function becomes a tracked pointer: its kind, its size, what it needs.

const binding = require('../../binding');
const { kinds } = require('../../books/kinds');
const { NO_SLOT } = require('../../books/nursery');
const { adopt, freeOnError } = require('../../pointers/adopt');
const { bound, direct } = require('../../pointers/destructors');
const { adoptWith, collect } = require('../../pointers/kept');
const { access } = require('../../pointers/tracked-pointer');
const { OutOfMemoryError } = require('../../support/errors');
const { Measure } = require('../size/measure');

const FREED = 'the pointer was freed';

/** The destructor of `owned` for pointers that come from `source`. */
function resolveDestructor(source, owned) {
  const { free } = owned;
  const symbol = typeof free === 'string' ? free : free.symbol;
  if (symbol === undefined) return free;
  const address = source.destructor(symbol, owned);
  return typeof free === 'string' ? direct(address) : bound(address, free);
}

/** What makes tracked pointers of type `owned` out of results of functions of `source`, a Source. */
class Producer {
  constructor(source, owned) {
    this.source = source;
    this.owned = owned;
    // A copy: parameters know the type of a pointer by its destructor.
    const destructor = { ...resolveDestructor(source, owned) };
    this.kind = kinds.make(owned.name, destructor, owned, source.library, owned.shared);
    this.measure = new Measure(source, owned);
    const { way } = this.measure;
    if (way?.how === 'metered' && !binding.meterKind(this.kind.id, way.index)) throw new OutOfMemoryError();
    // Whether every result but NULL is a pointer, and depends on nothing but the call's arguments.
    this.alone = !owned.depends && owned.invalid === undefined;
  }

  /**
   * What produce() does, for a result that is `alone`, of a call with `count` arguments, at most six. With all that V8
   * puts into it, just short enough for the constructor to be put there too.
   */
  produceAlone(result, count, x, y, z, w, u, v) {
    if (result === null) return null;
    const address = typeof result === 'bigint' ? result : this.source.addressOf(result);
    if (address === 0n) return null;
    let size = this.measure.constant;
    if (size < 0) {
      try {
        size = this.measure.ask(address, count, x, y, z, w, u, v);
      } catch (error) {
        throw this.#free(address, this.measure.threw(error, FREED));
      }
      if (!Number.isSafeInteger(size) || size < 0) size = this.#checked(address, size);
    }
    return adopt(address, size, this.kind, NO_SLOT, null);
  }

  /** What a size function said, if it is a size of another kind, such as a bigint. */
  #checked(address, size) {
    try {
      return this.measure.check(size, FREED);
    } catch (error) {
      throw this.#free(address, error);
    }
  }

  /** Frees a pointer that cannot be tracked because of `error`. Returns that error. */
  #free(address, error) {
    return freeOnError(address, 0, this.kind, this.kind.run, error);
  }

  /** The tracked pointer for what C returned; null for NULL, and for what says that it failed. */
  produce(result, args) {
    if (result === null) return null;
    const address = this.source.addressOf(result);
    if (address === 0n || this.owned.invalid?.(address)) return null;
    let size;
    let needed;
    try {
      size = this.measure.ofCall(address, args, FREED);
      this.measure.compare(address, size);
      if (this.owned.depends) needed = this.#needed(address, args);
    } catch (error) {
      throw this.#free(address, error);
    }
    if (needed === undefined) return adopt(address, size, this.kind, NO_SLOT, null);
    return adoptWith(address, size, this.kind, needed, null);
  }

  /** What C has returned or stored without giving it: as the FFI tells it, and null for NULL. */
  plain(found) {
    return found === 0n ? null : found;
  }

  /** What the pointer needs, a Set. */
  #needed(address, args) {
    const { needs, parent } = this.owned;
    const needed = new Set();
    for (const i of needs) collect(args[i], needed);
    if (parent === undefined) return needed;
    const found = new Set();
    for (const value of [parent(address, ...args)].flat()) collect(value, found);
    for (const value of found) if (access.isTracked(value)) access.slotOf(value); // it was lent to nobody
    return new Set([...needed, ...found]);
  }

  /** Measures again a pointer that a call may have changed. */
  remeasure(pointer) {
    const delta = this.measure.way?.delta ?? null;
    if (delta === null) pointer.resize(this.measure.ofCall(pointer.address, [], 'its old size stands'));
    else pointer.resize(Math.max(pointer.size + (delta.take() ?? 0), 0));
  }
}

module.exports = { Producer };
