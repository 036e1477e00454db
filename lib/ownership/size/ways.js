'use strict';
// The ways to a size that ask neither C nor the user: a meter, the allocator's figures, the allocator about one block.

const binding = require('../../binding');
const { isMeter, meters, warn } = require('../../books/unowned');
const { ArgumentTypeError, UnsupportedError } = require('../../support/errors');
const { allocatorDelta, meterDelta } = require('./allocation-delta');
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

class Measured {
  how = 'measured';
  delta = allocatorDelta;
  #samples = new Samples();

  due() {
    return this.#samples.due();
  }

  of() {
    const bytes = this.delta.take();
    if (bytes !== undefined) this.#samples.add(bytes);
    return this.#samples.means.measured;
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

/** Declared sizes beside those that a way finds. */
class Comparison {
  #samples = new Samples();

  constructor(way) {
    this.way = way;
    this.due = way.delta === null ? () => false : () => this.#samples.due();
  }

  add(address, declared) {
    const { delta } = this.way;
    if (delta === null) {
      if (this.#samples.due()) this.#samples.add(this.way.of(address), declared);
      return;
    }
    const bytes = delta.take();
    if (bytes !== undefined) this.#samples.add(bytes, declared);
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

const EXPECTED = `'metered', 'measure', 'malloc' or what meteredAllocator() returns`;

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
  return size === 'metered' || size === 'measure' || isMeter(size);
}

/** `size`, which isWay(), in a form that stays: a meter, or 'measure'. Throws where it cannot work. */
function checkWay(size) {
  if (size === 'metered') return onlyMeter();
  if (size === 'measure' && binding.inUse() < 0) {
    throw new UnsupportedError(
      `'measure' needs an allocator that tells how much is in use: glibc from 2.33, jemalloc, or that of macOS`,
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

/** The way that a checked `size` names; null for what is none. */
function wayOf(size, label) {
  if (size === 'malloc') return new Malloc();
  if (size === 'measure') return new Measured();
  return isMeter(size) ? new Metered(size, label) : null;
}

module.exports = { Comparison, checkCompare, checkWay, isWay, wayOf };
