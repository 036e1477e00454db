'use strict';
// Does what makes the ledger, the collector and the nursery ask for memory, with each of their allocations refused in turn.
//   node test/programs/overload/refused.js alone|all STEP     alone: that one; all: that one and all that follow. STEP: 1 for
//                                                             each of them, 2 for every second

const assert = require('node:assert');
const things = require('../../support/things.js');
const { arm, asked, disarm, unchecked } = require('./scarce.js');

const alone = process.argv[2] === 'alone';
const step = Number(process.argv[3]);
const counter = things.library.func('int64_t counter(const char *name)');

function load() {
  for (const file of Object.keys(require.cache)) {
    if (/[\\/]lib[\\/]/.test(file) && !file.includes('node_modules')) delete require.cache[file];
  }
  module.children.length = 0; // they would keep all copies
  return require('../../../lib');
}

// Starting fresh is what asks for most.
function round(n) {
  const tally = load();
  const { POINTER, SIZE, track } = tally;
  const destructors = [
    things.FREE,
    { address: things.FREE_SIZED, args: [POINTER, SIZE] },
    (address) => things.free(address),
  ];
  let refused = 0;
  let kept = [];
  const attempt = (what) => {
    const live = counter('live');
    try {
      return what();
    } catch (error) {
      if (error.code !== 'ERR_TALLY_OUT_OF_MEMORY') throw error;
      assert(counter('live') <= live, 'what could not be tracked is still there');
      refused++;
      return undefined;
    }
  };
  const make = (size, i, parent) =>
    attempt(() => {
      const address = parent === undefined ? things.make(size) : things.makeChild(parent.address, size);
      const label = `a label that does not fit into its object, ${i % 2}`;
      const free = destructors[i % 3] === destructors[2] && i % 9 !== 2 ? things.FREE : destructors[i % 3];
      return track(address, { size, free, label, parent });
    });
  things.reset();
  arm(n, alone ? n : Number.MAX_SAFE_INTEGER);
  for (let i = 0; i < 600; i++) kept.push(make(10 + (i % 7), i));
  // In a function of their own: a variable of this one would keep the last of them.
  const makeFamily = (bytes, i) => {
    const parent = make(bytes, i);
    kept.push(parent);
    if (parent !== undefined) kept.push(make(100, i, parent), make(200_000, i, parent));
  };
  for (let i = 0; i < 9; i++) makeFamily(i % 2 === 0 ? 60_000 : 200_000, i);
  kept = kept.filter((it, i) => it !== undefined && (i < 300 || i % 3 === 0));
  gc();
  for (let i = 0; i < 280; i++) make(20, i);
  attempt(() => tally.collect());
  for (const pointer of kept.splice(0, 50)) attempt(() => pointer.dispose());
  for (let i = 0; i < 280; i++) kept.push(make(30, i));
  kept = kept.filter((it) => it !== undefined);
  const total = Number(asked());
  disarm();
  assert.strictEqual(Number(unchecked()), 0, 'asked for memory without a check');

  tally.collect();
  const { bytes, pointers } = tally.stats();
  assert.strictEqual(pointers, things.counters().live);
  assert.strictEqual(bytes, things.counters().live_bytes);
  for (const pointer of kept) pointer.dispose();
  kept.length = 0;
  tally.collect();
  const after = tally.stats();
  assert.deepStrictEqual([after.bytes, after.pointers, after.reported], [0, 0, 0]);
  const counters = things.counters();
  assert.deepStrictEqual([counters.live, counters.freed], [0, counters.made]);
  for (const fault of Object.keys(things.faultless)) assert.strictEqual(counters[fault], 0, fault);
  return { refused, happened: total > n };
}

async function main() {
  let points = 0;
  let rounds = 0;
  for (let n = 0; ; n += step) {
    const { refused, happened } = round(n);
    if (!happened) break;
    points++;
    if (refused > 0) rounds++;
    await new Promise(setImmediate); // in which V8 lets go of the copy
  }
  console.log(JSON.stringify({ points, rounds }));
}

main();
