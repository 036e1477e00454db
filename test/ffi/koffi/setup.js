'use strict';
// What the tests of the drop-in have in common: a Koffi with ownership, the referee loaded through it, and type
// names of their own, because the names of Koffi's types outlive a test file.

const { withOwnership } = require('../../../lib/ffi/koffi');
const { counting, counting2 } = require('../../support/counting.js');
const things = require('../../support/things.js');

const raw = things.koffi;
const koffi = withOwnership(raw);
const prefix = `T${process.hrtime.bigint().toString(36)}`;
let count = 0;

/** A type name that nobody else has. */
const unique = (name) => `${name}_${prefix}_${++count}`;

/** A new opaque type `T`, and an owned type over `T *`, whose destructor is thing_free() unless said otherwise. */
function ownedThing(options = {}) {
  const T = unique('Thing');
  const Owned = unique('Owned');
  koffi.opaque(T);
  koffi.owned(Owned, `${T} *`, { free: 'thing_free', size: 'thing_size', ...options });
  return { T, Owned };
}

/** An owned type and the functions that most tests need, declared with it. */
function declareThings(options) {
  const { T, Owned } = ownedThing(options);
  const library = koffi.load(counting);
  return {
    T,
    Owned,
    library,
    make: library.func(`${Owned} thing_new(size_t bytes)`),
    id: library.func(`int64_t thing_id(const ${T} *thing)`),
    size: library.func(`size_t thing_size(void *thing)`),
  };
}

module.exports = {
  counting,
  counting2,
  declareThings,
  isKoffi2: raw.type === undefined,
  koffi,
  koffiName: process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi',
  ownedThing,
  raw,
  things,
  unique,
};
