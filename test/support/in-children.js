'use strict';
// test() and describe() for assertions about processes that a test starts, in a file that asserts other things too: as
// once.js for a file. They are the same whether or not Jest has gc(), so scripts/test.js says when they have run.

/* global describe, test */
const { leaveOut } = require('./whole.js');

const haveRun = process.env.FFI_TALLY_TEST_CHILDREN === 'have run';

module.exports = haveRun ? { describe: leaveOut, test: leaveOut } : { describe, test };
