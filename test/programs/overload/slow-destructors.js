'use strict';
// Thousands of pointers with fast destructors, and then some with slow ones, all dropped at once. Prints how many of both
// have run in each turn of the event loop.
//   node test/programs/overload/slow-destructors.js FAST SLOW

const { stats, track } = require('../../../lib');
const { FREE, counters, make, symbol } = require('../../support/things.js');
const { turns } = require('./turns.js');

const [FAST, SLOW] = process.argv.slice(2).map(Number);
const free = symbol('thing_free_slow');

globalThis.kept = [];
for (let i = 0; i < FAST; i++) globalThis.kept.push(track(make(100), { size: 100, free: FREE }));
for (let i = 0; i < SLOW; i++) globalThis.kept.push(track(make(1100), { size: 1100, free }));
stats();
globalThis.kept = undefined;

/** How many are left, [fast, slow]. */
function left() {
  const { live, live_bytes: bytes } = counters();
  const slow = (bytes - 100 * live) / 1000;
  return [live - slow, slow];
}

turns(() => counters().live === 0, left).then((all) => {
  const before = [[FAST, SLOW], ...all];
  const freed = all.map(([fast, slow], i) => [before[i][0] - fast, before[i][1] - slow]);
  console.log(JSON.stringify({ ...counters(), freed }));
});
