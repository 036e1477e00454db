'use strict';

const { setImmediate: nextTurn } = require('node:timers/promises');
const { custom, most, ms } = require('../bars');
const gc = require('../gc');
const { freed, made, threadTime } = require('../meter');

const PATIENCE = 20_000; // milliseconds
const AFTERMATH = 200;

// Out of reach of an optimizing compiler that knows when a variable is read last.
const held = { live: null };

// Of what goes on between two turns of the loop, without the part that is V8's own pause: the longest, once by
// the clock and once by what this thread used of the processor, which other programs do not lengthen.
function longestTurn(turns, collections) {
  const longest = { byClock: 0, longestTurn: 0 };
  for (let i = 1; i < turns.length; i++) {
    const [from, to] = [turns[i - 1], turns[i]];
    let pauses = 0;
    for (const { start, end } of collections) {
      pauses += Math.max(Math.min(end, to.clock) - Math.max(start, from.clock), 0);
    }
    longest.byClock = Math.max(longest.byClock, to.clock - from.clock - pauses);
    longest.longestTurn = Math.max(longest.longestTurn, to.thread - from.thread - pauses);
  }
  return longest;
}

const now = () => ({ clock: performance.now(), thread: threadTime() });

module.exports = {
  title: '64 byte blocks that die all at once, and a major GC; then the event loop',
  peers: ['addon-fixed', 'addon-basic', 'registry-adjust', 'tally-gc'],
  reference: 'registry-adjust',
  rounds: 5,
  sizes: { full: { count: 1e6, bytes: 64 }, quick: { count: 1e5, bytes: 64 } },
  cap: 4e9,
  columns: [
    { head: 'longest turn, CPU', cell: (result) => ms(result.longestTurn) },
    { head: 'by the clock', cell: (result) => ms(result.byClock) },
    { head: 'longest GC', cell: (result) => ms(result.gcLongest) },
  ],

  async run({ peer, sizes, meter }) {
    held.live = [];
    for (let i = 0; i < sizes.count; i++) {
      held.live.push(peer.make(sizes.bytes));
      if (i % 1000 === 0) await nextTurn();
    }
    for (let i = 0; i < 3; i++) {
      gc.minor();
      await nextTurn();
    }
    meter.start({ loop: true });
    held.live = null;
    gc.major();
    const turns = [now()];
    const turn = async () => {
      await nextTurn();
      turns.push(now());
    };
    // What was made last may still be in ffi-tally's nursery, which holds it until it is looked at next.
    while (made() - freed() > sizes.count / 100 && turns.at(-1).clock - turns[0].clock < PATIENCE)
      await turn();
    // And what the allocator has put off comes in the first turns after.
    for (const end = performance.now() + AFTERMATH; turns.at(-1).clock < end;) await turn();
    meter.stop();
    return { ...longestTurn(turns, await meter.collections()), turns: turns.length };
  },

  bars: [
    most('longest turn of ffi-tally by GC, CPU', 'tally-gc', 'longestTurn', 5, ms, 'time'),
    custom('freed within these turns, of ffi-tally by GC', 'count', '>= 99 %', (results, { count }) => {
      const { freed: dead } = results['tally-gc'];
      return { value: `${dead} of ${count}`, pass: dead >= count * 0.99 };
    }),
  ],
};
