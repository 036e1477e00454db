'use strict';

const { setImmediate: nextTurn } = require('node:timers/promises');
const { custom, percent } = require('../bars');
const gc = require('../gc');

const EACH = 1 << 20;
const STEPS_A_TURN = 64;

module.exports = {
  title: '64 KiB blocks dropped, 64 in each turn of the event loop, above 2 GiB that are legitimately live',
  peers: [
    'raw',
    'addon-fixed',
    'addon-basic',
    'registry-adjust',
    'buffer-beside',
    'tally-gc',
    'tally-dispose',
  ],
  reference: 'raw',
  rounds: 3,
  sizes: {
    full: { live: 2048, count: 131072, bytes: 64 << 10 },
    quick: { live: 256, count: 16384, bytes: 64 << 10 },
  },
  cap: 6e9,

  async run({ peer, sizes, meter }) {
    const live = [];
    for (let i = 0; i < sizes.live; i++) {
      live.push(peer.make(EACH));
      if (i % STEPS_A_TURN === 0) await nextTurn();
    }
    gc.major();
    await nextTurn();
    meter.start({ loop: true });
    let steps = 0;
    while (steps < sizes.count && !meter.full()) {
      for (let i = 0; i < STEPS_A_TURN; i++) peer.end(peer.make(sizes.bytes));
      steps += STEPS_A_TURN;
      await nextTurn();
    }
    meter.stop();
    return { steps, of: sizes.count, live: live.length };
  },

  bars: [
    custom('share of ffi-tally by GC that is garbage collection', 'time', '<= 5 %', (results) => {
      const { gcTime, time } = results['tally-gc'];
      return { value: percent(gcTime / time), pass: gcTime / time <= 0.05 };
    }),
    // One each time that the churn has allocated as much again as is live.
    custom('major GCs of ffi-tally by GC', 'count', '<= churned / live + 2', (results, sizes) => {
      const most = Math.ceil((sizes.count * sizes.bytes) / (sizes.live * EACH)) + 2;
      const { major } = results['tally-gc'];
      return { value: `${major} (of ${most})`, pass: major <= most };
    }),
  ],
};
