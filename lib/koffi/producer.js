'use strict';
// How the result of one C function becomes a tracked pointer: its kind, its size, its parent.

const { adopt, freeOnError } = require('../adopt');
const binding = require('../binding');
const { checkSize } = require('../check');
const { bound, direct } = require('../destructors');
const { SizeError, UnknownSymbolError } = require('../errors');
const { makeKind } = require('../kinds');
const { NO_SLOT } = require('../nursery');
const { internals } = require('../tracked-pointer');
const { addressOf, symbolAddress } = require('./dialect');
const { holding } = require('./lend');

/** The destructor of `owned` for pointers that come from `library`. */
function resolveDestructor(koffi, library, owned) {
  const { free } = owned;
  const symbol = typeof free === 'string' ? free : free.symbol;
  if (symbol === undefined) return free;
  const address = symbolAddress(koffi, library, symbol);
  if (address === undefined) throw new UnknownSymbolError(symbol, 'destructor', owned.name);
  return typeof free === 'string' ? direct(address) : bound(address, free.args);
}

/** (address, callArguments) => bytes, not yet checked; or a number. */
function resolveMeasure(library, func, owned) {
  const { size } = owned;
  if (typeof size === 'number') return size;
  if (size === 'malloc') return binding.usableSize;
  if (typeof size === 'string') {
    try {
      return func.call(library, size, 'size_t', ['void *']);
    } catch (cause) {
      const error = new UnknownSymbolError(size, 'size function', owned.name);
      error.cause = cause;
      throw error;
    }
  }
  return size;
}

// A spread costs more than the usual size function.
function measureCall(measure, address, args) {
  switch (args.length) {
    case 0:
      return measure(address);
    case 1:
      return measure(address, args[0]);
    case 2:
      return measure(address, args[0], args[1]);
    case 3:
      return measure(address, args[0], args[1], args[2]);
    default:
      return measure(address, ...args);
  }
}

function measureWith(measure, label, address, args, consequence) {
  let size;
  try {
    size = measureCall(measure, address, args);
  } catch (error) {
    throw new SizeError(label, 'its size function threw', consequence, error);
  }
  try {
    return checkSize(size, 'size');
  } catch (error) {
    throw new SizeError(label, `its size function returned no size (${error.message})`, consequence, error);
  }
}

/** What makes tracked pointers of type `owned` out of results of functions in `library`. */
class Producer {
  constructor(koffi, library, func, owned) {
    this.koffi = koffi;
    this.owned = owned;
    this.kind = makeKind(owned.name, resolveDestructor(koffi, library, owned), owned, library);
    this.measure = resolveMeasure(library, func, owned);
    // C functions and malloc_usable_size take the address and nothing else.
    this.measuresArguments = typeof owned.size === 'function';
    this.wantsArguments = this.measuresArguments || owned.parent !== undefined;
  }

  sizeOf(address, args, consequence) {
    if (typeof this.measure === 'number') return this.measure;
    return measureWith(
      this.measure,
      this.owned.name,
      address,
      this.measuresArguments ? args : [],
      consequence,
    );
  }

  /** The tracked pointer for what C returned; null for NULL. */
  produce(result, args) {
    if (result === null) return null;
    const address = addressOf(this.koffi, result);
    if (address === 0n) return null;
    const { parent } = this.owned;
    if (parent === undefined) return this.#adopt(address, args, NO_SLOT);
    if (typeof parent === 'function') return this.#adopt(address, args, undefined);
    if (!internals.isTracked(args[parent])) return this.#adopt(address, args, NO_SLOT);
    // It was lent to the call, so it is there even if it has been ended meanwhile.
    const slot = internals.lentSlotOf(args[parent]);
    return holding(slot, () => this.#adopt(address, args, slot));
  }

  #adopt(address, args, parentSlot) {
    let size;
    try {
      size = this.sizeOf(address, args, 'the pointer was freed');
      if (parentSlot === undefined) {
        const found = this.owned.parent(address, ...args);
        parentSlot = internals.isTracked(found) ? internals.slotOf(found) : NO_SLOT;
      }
    } catch (error) {
      throw freeOnError(address, 0, this.kind, this.kind.run, error);
    }
    return adopt(address, size, this.kind, parentSlot, null);
  }

  /** Measures again a pointer that a call may have changed. */
  remeasure(pointer) {
    pointer.resize(this.sizeOf(pointer.address, [], 'its old size stands'));
  }
}

module.exports = { Producer };
