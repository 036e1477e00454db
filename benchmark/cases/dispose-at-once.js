'use strict';

const koffi = require('koffi');
const { ratio } = require('../bars');
const { perStep } = require('../per-step');

// libc itself: there is nothing to count, and counting would only hide what ffi-tally adds.
const libc = process.platform === 'win32' ? 'msvcrt.dll' : null;

// Two functions, each on a line of its own: a program that declares one alone is none to measure, because V8 then knows
// what every call of C calls.
const ways = {
  raw() {
    const library = koffi.load(libc);
    const free = library.func('void free(void *block)');
    const first = library.func('void *malloc(size_t bytes)');
    const second = library.func('void *malloc(size_t bytes)');
    return (bytes) => {
      free(first(bytes));
      free(second(bytes));
    };
  },
  'tally-dispose'() {
    const library = require('../../lib/ffi/koffi').load(libc);
    require('../../lib/ffi/koffi').owned('OwnedMemory', 'void *', {
      free: 'free',
      size: (_, bytes) => bytes,
    });
    const first = library.func('OwnedMemory malloc(size_t bytes)');
    const second = library.func('OwnedMemory malloc(size_t bytes)');
    return (bytes) => {
      first(bytes).dispose();
      second(bytes).dispose();
    };
  },
  'tally-track'() {
    const { track } = require('../../lib');
    const library = koffi.load(libc);
    const free = library.symbol('free');
    const first = library.func('void *malloc(size_t bytes)');
    const second = library.func('void *malloc(size_t bytes)');
    return (bytes) => {
      track(first(bytes), { size: bytes, free }).dispose();
      track(second(bytes), { size: bytes, free }).dispose();
    };
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
    full: { batches: 21, count: 50_000, bytes: 64 },
    quick: { batches: 3, count: 10_000, bytes: 64 },
  },
  cap: 2e9,
  columns: [{ head: 'ns each', cell: (result) => result.ns.toFixed(1) }],

  run({ peer, sizes, meter }) {
    meter.start();
    const ns = perStep(peer, sizes) / 2;
    meter.stop();
    return { ns };
  },

  bars: [
    ratio('time: drop-in / raw (moonshot 1.15)', 'tally-dispose', 'raw', 'ns', 1.3),
    ratio('time: track() / raw (moonshot 1.15)', 'tally-track', 'raw', 'ns', 1.3),
  ],
};
