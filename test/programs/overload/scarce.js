'use strict';
// The allocator that is preloaded, support/scarce: which of the allocations that our addon asks for it refuses.

const { koffi } = require('../../support/things.js');

const library = koffi.load(process.env.LD_PRELOAD);

module.exports = {
  /** Refuses those from number `from` to number `to`, counted from now on. */
  arm: library.func('void scarce_arm(int64_t from, int64_t to)'),
  disarm: library.func('void scarce_disarm()'),
  /** How many were asked for since then. */
  asked: library.func('int64_t scarce_asked()'),
  /** How many were asked for by what cannot take no for an answer. */
  unchecked: library.func('int64_t scarce_unchecked()'),
};
