'use strict';

const { most, ratio, MB } = require('../bars');

module.exports = {
  title: '8 MiB blocks, touched and dropped, in a synchronous loop',
  peers: [
    'raw',
    'raw-batches',
    'raw-batches-gc',
    'forget',
    'addon-naive',
    'addon-fixed',
    'addon-basic',
    'registry-adjust',
    'buffer-beside',
    'tally-gc',
    'tally-dispose',
  ],
  reference: 'raw-batches',
  rounds: 5,
  sizes: { full: { count: 1000, bytes: 8 << 20 }, quick: { count: 100, bytes: 8 << 20 } },
  cap: 2e9,

  run({ peer, sizes, meter }) {
    meter.start();
    let steps = 0;
    while (steps < sizes.count && !meter.full()) {
      peer.end(peer.make(sizes.bytes));
      steps++;
    }
    meter.stop();
    return { steps, of: sizes.count };
  },

  bars: [
    most('peak native of ffi-tally by GC', 'tally-gc', 'peakNative', 128e6, MB),
    ratio('time: ffi-tally by GC / raw, 48 MiB at a time', 'tally-gc', 'raw-batches', 'time', 1.3),
    ratio('the same / raw that asks for a minor GC each time', 'tally-gc', 'raw-batches-gc', 'time', 1.3),
    ratio('time: ffi-tally by dispose / raw', 'tally-dispose', 'raw', 'time', 1.3),
  ],
};
