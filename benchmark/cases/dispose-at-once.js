'use strict';

const koffi = require('koffi');
const { ratio } = require('../bars');
const { perStep } = require('../per-step');

// libc itself: there is nothing to count, and counting would only hide what ffi-tally adds.
const libc = process.platform === 'win32' ? 'msvcrt.dll' : null;

const ways = {
  raw() {
    const library = koffi.load(libc);
    const malloc = library.func('void *malloc(size_t bytes)');
    const free = library.func('void free(void *block)');
    return (bytes) => free(malloc(bytes));
  },
  'tally-dispose'() {
    const library = require('../../lib/ffi/koffi').load(libc);
    require('../../lib/ffi/koffi').owned('OwnedMemory', 'void *', {
      free: 'free',
      size: (_, bytes) => bytes,
    });
    const malloc = library.func('OwnedMemory malloc(size_t bytes)');
    return (bytes) => malloc(bytes).dispose();
  },
  'tally-track'() {
    const { track } = require('../../lib');
    const library = koffi.load(libc);
    const malloc = library.func('void *malloc(size_t bytes)');
    const free = library.symbol('free');
    return (bytes) => track(malloc(bytes), { size: bytes, free }).dispose();
  },
};

module.exports = {
  title: '64 bytes from malloc, freed at once',
  peers: ['raw', 'tally-dispose', 'tally-track'],
  // These own nothing but what malloc returns, so they are made here.
  create: (name) => ways[name](),
  titles: {
    'tally-dispose': 'ffi-tally, drop-in, dispose()',
    'tally-track': 'ffi-tally, track(), dispose()',
  },
  reference: 'raw',
  rounds: 9,
  sizes: {
    full: { batches: 21, count: 100_000, bytes: 64 },
    quick: { batches: 3, count: 20_000, bytes: 64 },
  },
  cap: 2e9,
  columns: [{ head: 'ns each', cell: (result) => result.ns.toFixed(1) }],

  run({ peer, sizes, meter }) {
    meter.start();
    const ns = perStep(peer, sizes);
    meter.stop();
    return { ns };
  },

  bars: [
    ratio('time: drop-in / raw (moonshot 1.15)', 'tally-dispose', 'raw', 'ns', 1.3),
    ratio('time: track() / raw (moonshot 1.15)', 'tally-track', 'raw', 'ns', 1.3),
  ],
};
