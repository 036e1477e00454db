'use strict';
// Thousands of pointers with fast destructors, and then some with slow ones, all dropped at once. Prints how many slow ones
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

function slowLeft() {
  const { live, live_bytes } = counters();
  return (live_bytes - 100 * live) / 1000;
}

turns(() => counters().live === 0, slowLeft).then((left) => {
  const slow = left.map((count, i) => (i === 0 ? SLOW : left[i - 1]) - count);
  console.log(JSON.stringify({ ...counters(), slow }));
});
