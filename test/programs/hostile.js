'use strict';
// Tracks, drops, disposes, fails and collects, in a synchronous loop and in turns of the event loop, and prints what is left.
// A module, for what its surroundings do may come before it is loaded, or after.

const { JSON: OwnJSON, console: ownConsole } = globalThis;
const tally = require('../../lib');
const { canBind } = require('../../lib/binding');
const { counting } = require('../support/counting.js');
const things = require('../support/things.js');

const { POINTER, SIZE, collect, configure, handOver, memoryUsage, reportExternal, stats, takeOver, track } =
  tally;

const koffi = tally.withOwnership(things.koffi);
const library = koffi.load(counting);
koffi.opaque('Thing');
koffi.owned('OwnedThing', 'Thing *', { free: 'thing_free', size: 'thing_size' });
const create = library.func('OwnedThing thing_new(size_t bytes)');
const id = library.func('int64_t thing_id(Thing *thing)');

const LARGE = 500_000;
const destructors = [
  things.FREE,
  (address) => things.free(address),
  ...(canBind ? [{ address: things.FREE_SIZED, args: [POINTER, SIZE, -1] }] : []),
];

function codeOf(attempt) {
  try {
    attempt();
  } catch (error) {
    return error.code;
  }
  return undefined;
}

const turn = () => new Promise(require('node:timers').setImmediate);

function one(i) {
  const free = destructors[i % destructors.length];
  const size = i % 4 === 0 ? LARGE : 100;
  const isOwned = i % 5 === 0;
  const pointer = isOwned ? create(size) : track(things.make(size), { size, free, label: `label ${i % 3}` });
  if (isOwned && id(pointer) <= 0) throw new Error('lent wrongly');
  if (i % 7 === 0) {
    const given =
      i % 2 === 0 || isOwned ? create(10) : track(things.make(10), { size: 10, free: things.FREE });
    takeOver(handOver(given)).dispose();
  }
  if (i % 3 === 0) pointer.dispose();
}

module.exports = async function main() {
  configure({ budget: 8e6 });
  for (let i = 0; i < 1000; i++) one(i);
  const peak = stats().peakBytes;
  for (let i = 0; i < 50; i++) {
    one(i);
    await turn();
  }
  reportExternal(1000);
  reportExternal(-1000);
  const codes = [
    codeOf(() => reportExternal(-1)),
    codeOf(() => track(0n, { size: 1, free: null })),
    codeOf(() => takeOver({ handedOver: '' })),
  ];
  const pointer = create(100);
  require('node:util').inspect(pointer);
  memoryUsage();
  pointer.dispose();
  codes.push(codeOf(() => id(pointer)));
  collect();
  await turn();
  collect();
  const { bytes, pointers, manual, reported, totals } = stats();
  const { inTransit } = stats({ scope: 'process' });
  const left = { bytes, pointers, manual, reported, failed: totals.failed, inTransit };
  ownConsole.log(OwnJSON.stringify({ codes, peak, ...left, ...things.counters() }));
};
