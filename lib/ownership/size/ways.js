'use strict';
// The ways to a size that ask neither C nor the user: what was counted, a meter, the allocator about one block.

const binding = require('../../binding');
const { isMeter, meters, warn } = require('../../books/unowned');
const { ArgumentTypeError, UnsupportedError } = require('../../support/errors');
const { meterDelta } = require('./allocation-delta');
const { Exact } = require('./exact');
const { Samples } = require('./samples');

class Metered {
  how = 'metered';
  #label;

  constructor(meter, label) {
    this.#label = label;
    this.meter = meter;
    this.index = meters.get(meter.label).index;
    this.delta = meterDelta(this.index);
  }

  /** Whether the call that begins is to be watched. */
  due() {
    return true;
  }

  /** The bytes of a new pointer. */
  of() {
    const bytes = this.delta.take() ?? 0;
    if (bytes > 0 || binding.ownAllocations(this.index) > 0) return Math.max(bytes, 0);
    warn(
      'FFI_TALLY_NOT_METERED',
      this.#label,
      `'${this.meter.label}', which should tell the size of '${this.#label}', has counted nothing`,
      'Its functions were not given to the library, or too late, or the call ran on another thread.',
    );
    return 0;
  }
}

class Malloc {
  how = 'malloc';
  delta = null;

  due() {
    return false;
  }

  of(address) {
    return binding.usableSize(address);
  }
}

// How far a declared size may be from what was counted.
const TOLERANCE = 0.1;
const ENOUGH = 8; // samples

/** Declared sizes beside those that a way finds. */
class Comparison {
  #samples = new Samples();
  #label;

  constructor(way, label) {
    this.way = way;
    this.#label = label;
    this.due = way.delta === null ? () => false : () => this.#samples.due();
  }

  add(address, declared) {
    const { delta } = this.way;
    if (delta === null) {
      const bytes = this.way.of(address);
      if (bytes === undefined || !this.#samples.due()) return;
      this.#samples.add(bytes, declared);
      if (this.way.how === EXACT && this.#samples.count === ENOUGH) this.#tell();
      return;
    }
    const bytes = delta.take();
    if (bytes !== undefined) this.#samples.add(bytes, declared);
  }

  #tell() {
    const { measured, declared } = this.#samples.means;
    if (Math.abs(measured - declared) <= TOLERANCE * measured) return;
    warn(
      'FFI_TALLY_WRONG_SIZE',
      this.#label,
      `The size of '${this.#label}' is said to be ${declared} bytes, and what C allocates for it is ${measured}`,
      `Means of the first ${ENOUGH} pointers. Leave 'size' out: then each has what was counted.`,
    );
  }

  get figures() {
    const { measured, declared } = this.#samples.means;
    return {
      how: this.way.how,
      samples: this.#samples.count,
      declaredBytes: declared,
      measuredBytes: measured,
    };
  }
}

const EXACT = 'exact';
const EXPECTED = `'exact', 'metered', 'malloc' or what meteredAllocator() returns`;

function onlyMeter() {
  if (meters.size === 1) return [...meters.values()][0].meter;
  throw new UnsupportedError(
    meters.size === 0
      ? `'metered' needs a metered allocator: call meteredAllocator() before, and give its functions to the library`
      : `Cannot tell which metered allocator is meant by 'metered': there are ${[...meters.keys()].join(', ')}; write the one that is`,
  );
}

/** Whether `size` names a way. */
function isWay(size) {
  return size === 'metered' || size === EXACT || isMeter(size);
}

/** Whether what libraries allocate can be counted on this platform. */
function canCount() {
  return binding.canPatch;
}

/** `size`, which isWay(), in a form that stays: a meter, or EXACT. Throws where it cannot work. */
function checkWay(size) {
  if (size === 'metered') return onlyMeter();
  if (size === EXACT && !canCount()) {
    throw new UnsupportedError(
      `'${EXACT}' needs the native part, and Windows or Linux, on x64, arm64 or arm: write the size in another way`,
    );
  }
  return size;
}

/** The same for `compare`. */
function checkCompare(compare) {
  if (compare === undefined || compare === 'malloc') return compare;
  if (!isWay(compare)) throw new ArgumentTypeError(compare, 'compare', EXPECTED);
  return checkWay(compare);
}

/** The way that a checked `size` of the type `owned` names; null for what is none. */
function wayOf(size, owned) {
  if (size === 'malloc') return new Malloc();
  if (size === EXACT) return new Exact(owned);
  return isMeter(size) ? new Metered(size, owned.name) : null;
}

module.exports = { Comparison, EXACT, canCount, checkCompare, checkWay, isWay, wayOf };
