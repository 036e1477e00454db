'use strict';

const { setImmediate: nextTurn } = require('node:timers/promises');
const { most, ratio, MB } = require('../bars');

module.exports = {
  title: '8 MiB blocks, touched and dropped, one in each turn of the event loop',
  peers: [
    'raw',
    'raw-batches',
    'addon-naive',
    'addon-fixed',
    'addon-basic',
    'registry-adjust',
    'buffer-beside',
    'tally-gc',
    'tally-dispose',
  ],
  reference: 'raw-batches',
  rounds: 3,
  sizes: { full: { count: 1000, bytes: 8 << 20 }, quick: { count: 100, bytes: 8 << 20 } },
  cap: 2e9,

  async run({ peer, sizes, meter }) {
    meter.start({ loop: true });
    let steps = 0;
    while (steps < sizes.count && !meter.full()) {
      peer.end(peer.make(sizes.bytes));
      steps++;
      await nextTurn();
    }
    meter.stop();
    return { steps, of: sizes.count };
  },

  bars: [
    most('peak native of ffi-tally by GC', 'tally-gc', 'peakNative', 128e6, MB),
    ratio('major GCs: ffi-tally by GC / fixed addon', 'tally-gc', 'addon-fixed', 'major', 0.25, 'count'),
  ],
};
