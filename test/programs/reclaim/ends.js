'use strict';
// For programs that end in many ways: requiring this makes live, dropped, held and half-freed pointers.
// FFI_TALLY_TEST_AT_EXIT says what shall become of them.

const { configure, stats, track } = require('../../../lib');
const things = require('../../support/things.js');

configure({ atExit: process.env.FFI_TALLY_TEST_AT_EXIT });

function make(size, parent) {
  const address = parent === undefined ? things.make(size) : things.makeChild(parent.address, size);
  return track(address, { size, free: things.FREE, parent });
}

const kept = (globalThis.kept = []);
(() => {
  for (let i = 0; i < 100; i++) {
    const parent = make(100);
    kept.push(parent, make(100, parent));
    make(50_000);
    make(100_000, parent);
    if (i % 10 === 0) parent.dispose();
  }
})();
stats();
kept.push(make(10), make(10), make(10)); // their books are not made yet

module.exports = { configure, make, stats, things, track };
