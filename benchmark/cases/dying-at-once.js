'use strict';

const { performance } = require('node:perf_hooks');
const { setImmediate: nextTurn } = require('node:timers/promises');
const gc = require('../gc');
const { freed, made } = require('../meter');
const { custom, most, ms } = require('../bars');

const PATIENCE = 20_000; // milliseconds
const AFTERMATH = 200;

// The longest time between two turns of the loop, without the part that is V8's own pause.
function longestTurn(turns, collections) {
  let longest = 0;
  for (let i = 1; i < turns.length; i++) {
    let own = turns[i] - turns[i - 1];
    if (own <= longest) continue;
    for (const { start, end } of collections) {
      own -= Math.max(Math.min(end, turns[i]) - Math.max(start, turns[i - 1]), 0);
    }
    longest = Math.max(longest, own);
  }
  return longest;
}

module.exports = {
  title: '64 byte blocks that die all at once, and a major GC; then the event loop',
  peers: ['addon-fixed', 'addon-basic', 'registry-adjust', 'tally-gc'],
  reference: 'registry-adjust',
  rounds: 5,
  sizes: { full: { count: 1e6, bytes: 64 }, quick: { count: 1e5, bytes: 64 } },
  cap: 4e9,
  columns: [
    { head: 'longest turn', cell: (result) => ms(result.longestTurn) },
    { head: 'longest GC', cell: (result) => ms(result.gcLongest) },
  ],

  async run({ peer, sizes, meter }) {
    let live = [];
    for (let i = 0; i < sizes.count; i++) {
      live.push(peer.make(sizes.bytes));
      if (i % 1000 === 0) await nextTurn();
    }
    for (let i = 0; i < 3; i++) {
      gc.minor();
      await nextTurn();
    }
    meter.start({ loop: true });
    live = null;
    gc.major();
    const turns = [performance.now()];
    const turn = async () => {
      await nextTurn();
      turns.push(performance.now());
    };
    // What was made last may still be in ffi-tally's nursery, which holds it until it is looked at next.
    while (made() - freed() > sizes.count / 100 && turns.at(-1) - turns[0] < PATIENCE) await turn();
    // And what the allocator has put off comes in the first turns after.
    for (const end = performance.now() + AFTERMATH; turns.at(-1) < end; ) await turn();
    meter.stop();
    return { longestTurn: longestTurn(turns, await meter.collections()), turns: turns.length };
  },

  bars: [
    most('longest turn of ffi-tally by GC', 'tally-gc', 'longestTurn', 5, ms, 'time'),
    custom('freed within these turns, of ffi-tally by GC', 'count', '>= 99 %', (results, { count }) => {
      const { freed: dead } = results['tally-gc'];
      return { value: `${dead} of ${count}`, pass: dead >= count * 0.99 };
    }),
  ],
};
