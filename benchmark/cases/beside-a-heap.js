'use strict';

const { most, ratio, MB } = require('../bars');
const gc = require('../gc');
const liveHeap = require('../live-heap');

module.exports = {
  title: '1 MiB blocks, dropped, in a synchronous loop beside a live JavaScript heap of 360 MB',
  peers: [
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
  sizes: {
    full: { heap: 360e6, count: 1500, bytes: 1 << 20 },
    quick: { heap: 90e6, count: 300, bytes: 1 << 20 },
  },
  cap: 3e9,

  run({ peer, sizes, meter }) {
    const heap = liveHeap(sizes.heap);
    gc.major();
    meter.start();
    let steps = 0;
    while (steps < sizes.count && !meter.full()) {
      peer.end(peer.make(sizes.bytes));
      steps++;
    }
    meter.stop();
    return { steps, of: sizes.count, arrays: heap.length };
  },

  bars: [
    most('peak native of ffi-tally by GC', 'tally-gc', 'peakNative', 512e6, MB),
    ratio('time: ffi-tally by GC / fixed addon', 'tally-gc', 'addon-fixed', 'time', 0.1),
  ],
};
