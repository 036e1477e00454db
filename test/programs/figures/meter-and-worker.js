'use strict';
// Allocated in a worker, freed after its end; and the other way round.

const { meteredAllocator, stats } = require('../../../lib');
const { assert, free, malloc, start } = require('./meter.js');

const seen = () => stats().meters.find(({ label }) => label === 'it');

async function main() {
  const theirs = await start([], 100);
  // Nobody here has asked for the meter yet: its functions work nevertheless.
  for (const block of theirs.blocks.splice(0, 50)) free(theirs.free, block);
  const meter = meteredAllocator({ label: 'it' });
  assert.strictEqual(meter.free, theirs.free);
  assert.strictEqual(seen().blocks, 50);
  assert.strictEqual(stats().outside, seen().bytes);
  const ours = Array.from({ length: 100 }, () => malloc(meter.malloc, 2000));
  await start([...theirs.blocks, ...ours], 0);
  const { bytes, blocks, foreign, allocations } = seen();
  assert.deepStrictEqual(
    { bytes, blocks, foreign, allocations },
    { bytes: 0, blocks: 0, foreign: 0, allocations: 200 },
  );
  assert.strictEqual(stats().outside, 0);
}

main();
