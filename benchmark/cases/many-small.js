'use strict';

const { setImmediate: nextTurn } = require('node:timers/promises');
const { ratio, custom } = require('../bars');
const { settle } = require('../meter');

const STEPS_A_TURN = 1000;

module.exports = {
  title: '64 byte blocks, dropped, a thousand in each turn of the event loop, until all are freed',
  peers: [
    'raw',
    'addon-naive',
    'addon-fixed',
    'addon-basic',
    'registry-adjust',
    'buffer-beside',
    'tally-gc',
    'tally-dispose',
  ],
  reference: 'registry-adjust',
  rounds: 5,
  sizes: { full: { count: 1e6, bytes: 64 }, quick: { count: 1e5, bytes: 64 } },
  cap: 2e9,
  columns: [{ head: 'ns each', cell: (result) => ((result.time * 1e6) / result.steps).toFixed(0) }],

  async run({ peer, sizes, meter }) {
    meter.start({ loop: true });
    let steps = 0;
    while (steps < sizes.count && !meter.full()) {
      for (let i = 0; i < STEPS_A_TURN; i++) peer.end(peer.make(sizes.bytes));
      steps += STEPS_A_TURN;
      await nextTurn();
    }
    await settle();
    meter.stop();
    return { steps, of: sizes.count };
  },

  bars: [
    ratio('time: ffi-tally by GC / registry + adjust', 'tally-gc', 'registry-adjust', 'time', 0.7),
    ratio('time: ffi-tally by GC / fixed addon', 'tally-gc', 'addon-fixed', 'time', 1.0),
    custom('freed in the end, of ffi-tally by GC', 'count', 'all', (results) => {
      const { freed, made } = results['tally-gc'];
      return { value: `${freed} of ${made}`, pass: freed === made };
    }),
  ],
};
