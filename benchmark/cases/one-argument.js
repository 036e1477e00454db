'use strict';

const koffi = require('koffi');
const { mostOver, perStep } = require('../per-step');

const libc = process.platform === 'win32' ? 'msvcrt.dll' : null;
const PROTOTYPE = 'void *memchr(void *memory, int byte, size_t length)';

// Two functions, each on a line of its own: a program that declares one alone is none to measure, because V8 then knows
// what every call of C calls.
const ways = {
  raw() {
    const library = koffi.load(libc);
    const memory = library.func('void *malloc(size_t bytes)')(64);
    const first = library.func(PROTOTYPE);
    const second = library.func(PROTOTYPE);
    return () => {
      first(memory, 0, 1);
      second(memory, 0, 1);
    };
  },
  'tally-borrow'() {
    const owning = require('../../lib/ffi/koffi');
    const library = owning.load(libc);
    owning.owned('OwnedMemory', 'void *', { free: 'free', size: 64 });
    const memory = library.func('OwnedMemory malloc(size_t bytes)')(64);
    const first = library.func(PROTOTYPE);
    const second = library.func(PROTOTYPE);
    return () => {
      first(memory, 0, 1);
      second(memory, 0, 1);
    };
  },
};

module.exports = {
  title: 'memchr() of libc, called with one tracked pointer that it borrows',
  peers: ['raw', 'tally-borrow'],
  create: (name) => ways[name](),
  titles: { 'tally-borrow': 'ffi-tally, drop-in, borrowed' },
  reference: 'raw',
  rounds: 9,
  sizes: { full: { batches: 21, count: 100_000 }, quick: { batches: 3, count: 10_000 } },
  cap: 2e9,
  columns: [{ head: 'ns each', cell: (result) => result.ns.toFixed(1) }],

  run({ peer, sizes, meter }) {
    meter.start();
    const ns = perStep(peer, sizes) / 2;
    meter.stop();
    return { ns };
  },

  bars: [mostOver('one tracked argument over the raw call', 'tally-borrow', 'raw', 'ns', 15)],
};
