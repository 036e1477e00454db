'use strict';
// The referee of the tests, read through plain Koffi: what we test must not have a hand in its own judgement.

const koffi = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');

const { counting, counting2 } = require('./build.js')();

const names = [
  'live',
  'live_bytes',
  'peak_bytes',
  'made',
  'freed',
  'double_frees',
  'foreign_frees',
  'size_mismatches',
  'orphans',
  'freed_underfoot',
  'late_frees',
  'damaged',
  'last_context',
];

const library = koffi.load(counting);
const counter = library.func('int64_t counter(const char *name)');
const freedId = library.func('int64_t freed_id(int64_t index)');

/** Every counter of the referee, under C's own names. */
function counters() {
  return Object.fromEntries(names.map((name) => [name, Number(counter(name))]));
}

/** The ids of the things freed since the last reset, in order; at most the last 65536. */
function freedIds() {
  const freed = Number(counter('freed'));
  const first = Math.max(0, freed - 65536);
  return Array.from({ length: freed - first }, (_, index) => Number(freedId(first + index)));
}

module.exports = {
  /** Path of the library. */
  counting,
  /** Path of its second copy, with books of its own; never loaded here. */
  counting2,
  counters,
  freedIds,
  /** Sets every counter to zero except `live` and `live_bytes`. */
  reset: library.func('void counters_reset()'),
};
