'use strict';
// The things of the referee as plain Koffi sees them, for tests that track() by hand.

const koffi = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');
const counting = require('./counting.js');

const library = koffi.load(counting.counting);

/** The address of a C function of the referee, as a bigint. */
function symbol(name) {
  return koffi.type === undefined ? koffi.address(library.symbol(name, 'void *')) : library.symbol(name);
}

const thingNew = library.func('void *thing_new(size_t bytes)');
const childNew = library.func('void *child_new(void *parent, size_t bytes)');

/** The address behind what Koffi returned for a pointer: Koffi 2 has Externals. */
const addressOf = (pointer) => (typeof pointer === 'bigint' ? pointer : koffi.address(pointer));

// The referee is one for the whole process, and Jest runs many files in one: what a failed test has left behind is not
// the fault of the next.
let base = counting.counters();

/** Sets every counter to zero, for counters() below. */
function reset() {
  counting.reset();
  base = counting.counters();
}

/** Every counter of the referee, since the last reset(). */
function counters() {
  const found = counting.counters();
  found.live -= base.live;
  found.live_bytes -= base.live_bytes;
  found.peak_bytes -= base.live_bytes;
  return found;
}

/** What must be zero whatever happened. */
const faultless = {
  double_frees: 0,
  foreign_frees: 0,
  size_mismatches: 0,
  orphans: 0,
  freed_underfoot: 0,
  late_frees: 0,
  damaged: 0,
};

module.exports = {
  koffi,
  library,
  counters,
  reset,
  symbol,
  faultless,
  addressOf,
  /** Makes a thing; returns its address as a bigint. */
  make: (bytes) => addressOf(thingNew(bytes)),
  makeChild: (parent, bytes) => addressOf(childNew(parent, bytes)),
  /** Makes a thing; returns what Koffi returned. */
  makeRaw: thingNew,
  /** Frees a thing, through Koffi. */
  free: library.func('void thing_free(void *thing)'),
  freeSized: library.func('void thing_free_sized(void *thing, size_t size)'),
  id: library.func('int64_t thing_id(void *thing)'),
  enlarge: library.func('void thing_enlarge(void *thing, size_t bytes)'),
  poison: library.func('void things_poison(size_t bytes)'),
  freedId: library.func('int64_t freed_id(int64_t index)'),
  FREE: symbol('thing_free'),
  FREE_SIZED: symbol('thing_free_sized'),
  FREE_WITH_CONTEXT: symbol('thing_free_ctx'),
};
