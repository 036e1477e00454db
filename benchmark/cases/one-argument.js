'use strict';

const { performance } = require('node:perf_hooks');
const koffi = require('koffi');
const { custom } = require('../bars');
const median = require('../median');

const libc = process.platform === 'win32' ? 'msvcrt.dll' : null;
const PROTOTYPE = 'void *memchr(void *memory, int byte, size_t length)';
const MOST = 15;

const ways = {
  raw() {
    const library = koffi.load(libc);
    const find = library.func(PROTOTYPE);
    const memory = library.func('void *malloc(size_t bytes)')(64);
    return () => find(memory, 0, 1);
  },
  'tally-borrow'() {
    const owning = require('../../lib/ffi/koffi');
    const library = owning.load(libc);
    owning.owned('OwnedMemory', 'void *', { free: 'free', size: 64 });
    const find = library.func(PROTOTYPE);
    const memory = library.func('OwnedMemory malloc(size_t bytes)')(64);
    return () => find(memory, 0, 1);
  },
};

function time(step, count) {
  const start = performance.now();
  for (let i = 0; i < count; i++) step();
  return ((performance.now() - start) / count) * 1e6;
}

module.exports = {
  title: 'memchr() of libc, called with one tracked pointer that it borrows',
  peers: ['raw', 'tally-borrow'],
  create: (name) => ways[name](),
  titles: { 'tally-borrow': 'ffi-tally, drop-in, borrowed' },
  reference: 'raw',
  rounds: 9,
  sizes: { full: { batches: 21, count: 200_000 }, quick: { batches: 3, count: 20_000 } },
  cap: 2e9,
  columns: [{ head: 'ns each', cell: (result) => result.ns.toFixed(1) }],

  run({ peer, sizes, meter }) {
    time(peer, sizes.count);
    meter.start();
    const batches = Array.from({ length: sizes.batches }, () => time(peer, sizes.count));
    meter.stop();
    // The faster half, without the batches in which the machine did something else.
    return { ns: median(batches.sort((a, b) => a - b).slice(0, batches.length / 2 + 1)) };
  },

  bars: [
    custom('one tracked argument over the raw call', 'time', `<= ${MOST} ns`, (results) => {
      const { rounds } = results.raw;
      const over = median(results['tally-borrow'].rounds.map(({ ns }, round) => ns - rounds[round].ns));
      return { value: `${over.toFixed(1)} ns`, pass: over <= MOST };
    }),
  ],
};
