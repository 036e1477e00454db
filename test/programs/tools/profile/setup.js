'use strict';
// What the profiled programs share: a library that allocates what it is asked for, and one sample in 64 KB.

const { startProfile, withOwnership } = require('../../../../lib');
const { counting } = require('../../../support/build.js')();

const koffi = withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi'));
koffi.opaque('Thing');

/** What the sites have in that view whose stacks have all these functions. */
function sum({ sites }, view, ...names) {
  const has = ({ frames }) => names.every((name) => frames.some((frame) => frame.name === name));
  return sites.filter(has).reduce((total, site) => total + site[view].bytes, 0);
}

/** Begins when the library has made its own table, at its first call. */
function begin() {
  const lib = koffi.load(counting);
  lib.func('void thing_free(Thing *thing)')(lib.func('Thing *thing_new(int64_t bytes)')(1));
  return startProfile({ every: 65_536, seed: 1 });
}

module.exports = {
  begin,
  koffi,
  load: () => koffi.load(counting),
  say: (value) => process.stdout.write(JSON.stringify(value)),
  sum,
};
