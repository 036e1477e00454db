'use strict';

const koffi = require('koffi');
const { custom } = require('../bars');
const median = require('../median');
const { blocksLibrary } = require('../paths');

const MOST = 10;

// Both allocators in one process, in turns: what they share, the processor and the heap, they share alike.
function pairs(threads) {
  const { meteredAllocator } = require('../../lib');
  const libc = koffi.load(null);
  const churn = koffi
    .load(blocksLibrary)
    .func('double churn_pair(void *allocate, void *release, size_t rounds, int threads)');
  const meter = meteredAllocator({ label: 'churn' });
  const ways = {
    own: [libc.symbol('malloc'), libc.symbol('free')],
    metered: [meter.malloc, meter.free],
  };
  return (way, rounds) => churn(...ways[way], rounds, threads);
}

module.exports = {
  title: 'malloc() and free() of 16 to 271 bytes, from C, metered and not',
  peers: ['one-thread', 'two-threads'],
  create: (name) => pairs(name === 'one-thread' ? 1 : 2),
  titles: { 'one-thread': 'one thread', 'two-threads': 'two threads' },
  reference: 'one-thread',
  rounds: 5,
  sizes: { full: { batches: 31, count: 1_000_000 }, quick: { batches: 3, count: 100_000 } },
  cap: 2e9,
  columns: [
    { head: 'libc, ns', cell: (result) => result.own.toFixed(1) },
    { head: 'metered, ns', cell: (result) => result.metered.toFixed(1) },
    { head: 'over it, ns', cell: (result) => result.over.toFixed(1) },
  ],

  run({ peer, sizes, meter }) {
    for (const way of ['own', 'metered']) peer(way, sizes.count);
    meter.start();
    const own = [];
    const metered = [];
    for (let i = 0; i < sizes.batches; i++) {
      own.push(peer('own', sizes.count));
      metered.push(peer('metered', sizes.count));
    }
    meter.stop();
    const over = median(metered.map((time, i) => time - own[i]));
    return { own: median(own), metered: median(metered), over };
  },

  bars: ['one-thread', 'two-threads'].map((peer) =>
    custom(
      `a metered pair over libc's own, ${peer.replace('-', ' ')}`,
      'time',
      `<= ${MOST} ns`,
      (results) => ({
        value: `${results[peer].over.toFixed(1)} ns`,
        pass: results[peer].over <= MOST,
      }),
    ),
  ),
};
