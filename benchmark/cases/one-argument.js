'use strict';

const koffi = require('koffi');
const { mostOver, perStep } = require('../per-step');

const libc = process.platform === 'win32' ? 'msvcrt.dll' : null;
const PROTOTYPE = 'void *memchr(void *memory, int byte, size_t length)';

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
    meter.start();
    const ns = perStep(peer, sizes);
    meter.stop();
    return { ns };
  },

  bars: [mostOver('one tracked argument over the raw call', 'tally-borrow', 'raw', 'ns', 15)],
};
