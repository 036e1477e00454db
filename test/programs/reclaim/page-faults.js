'use strict';
// Rounds of blocks that are dropped and collected. Prints how many pages the last ten rounds have asked the kernel for.
//   node test/programs/reclaim/page-faults.js COUNT BYTES      blocks in each round

const koffi = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');
const { collect, track } = require('../../../lib');

const [COUNT, BYTES] = process.argv.slice(2).map(Number);
const libc = koffi.load(null);
const malloc = libc.func('void *malloc(size_t bytes)');
const memset = libc.func('void *memset(void *block, int value, size_t bytes)');
const free = libc.symbol('free', 'void *');

function make() {
  const block = malloc(BYTES);
  memset(block, 1, BYTES);
  return track(block, { size: BYTES, free });
}

function round() {
  for (let i = 0; i < COUNT; i++) make();
  collect();
}

for (let i = 0; i < 5; i++) round();
const before = process.resourceUsage().minorPageFault;
for (let i = 0; i < 10; i++) round();
console.log(process.resourceUsage().minorPageFault - before);
