'use strict';
// Very many pointers die at once, and V8 collects them by itself, while the process has grown by more than its budget. Prints
// how many of them the library had not found, at the most, when it asked for a collection itself.

const diagnostics = require('node:diagnostics_channel');
const { setImmediate: nextTurn } = require('node:timers/promises');
const { stats } = require('../../../lib');
const koffi = require('../../../lib/ffi/koffi');
const { gc } = require('../../support/gc-until.js');

koffi.owned('Memory', 'void *', { free: 'free', size: 64 });
const malloc = koffi.load(null).func('Memory malloc(size_t bytes)');

(async () => {
  let live = [];
  for (let i = 0; i < 500_000; i++) {
    live.push(malloc(64));
    if (i % 1000 === 0) await nextTurn();
  }
  let left = 0;
  diagnostics.subscribe('ffi-tally:gc', () => (left = Math.max(left, stats().pointers)));
  live = null;
  gc();
  while (stats().pointers > 0) await nextTurn();
  console.log(left, live === null);
})();
