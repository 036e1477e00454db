'use strict';

const { performance } = require('node:perf_hooks');
const koffi = require('koffi');
const { most, MB } = require('../bars');
const { stats, track } = require('../../lib');

const libc = process.platform === 'win32' ? 'msvcrt.dll' : null;

/** [bytes, what is done with a pointer of that size]. */
const ways = {
  'small, again': [64, (pointer) => pointer.view(), true],
  'small, dropped': [64, (pointer) => void pointer.view()],
  'small, disposed': [64, (pointer) => (pointer.view(), pointer.dispose())],
  'small, copied': [64, (pointer) => (pointer.copy(), pointer.dispose())],
  'large, dropped': [8 << 20, (pointer) => touch(pointer.view())],
  'large, disposed': [8 << 20, (pointer) => (touch(pointer.view()), pointer.dispose())],
};

function touch(buffer) {
  const bytes = new Uint8Array(buffer);
  for (let i = 0; i < bytes.length; i += 4096) bytes[i] = 1;
}

module.exports = {
  title: 'Views of memory from malloc, in a synchronous loop: 64 bytes, or 8 MiB touched',
  peers: Object.keys(ways),
  create(name) {
    const library = koffi.load(libc);
    const malloc = library.func('void *malloc(size_t bytes)');
    const free = library.symbol('free');
    const [bytes, use, again = false] = ways[name];
    const make = () => track(malloc(bytes), { size: bytes, free });
    const one = again ? make() : null;
    return { bytes, step: () => use(one ?? make()) };
  },
  titles: Object.fromEntries(Object.keys(ways).map((name) => [name, name])),
  reference: 'small, again',
  rounds: 5,
  sizes: { full: { bytes: 2e9, steps: 200_000 }, quick: { bytes: 4e8, steps: 20_000 } },
  cap: 2e9,
  columns: [
    { head: 'µs each', cell: (result) => result.us.toFixed(2) },
    { head: 'peak MiB', cell: (result) => (result.peak / 2 ** 20).toFixed(0) },
  ],

  run({ peer, sizes, meter }) {
    const { bytes, step } = peer;
    const large = bytes > 2 ** 20;
    const steps = large ? Math.round(sizes.bytes / bytes) : sizes.steps;
    let peak = 0;
    meter.start();
    const start = performance.now();
    for (let i = 0; i < steps; i++) {
      step();
      if (large) peak = Math.max(peak, stats().bytes);
    }
    const us = ((performance.now() - start) / steps) * 1000;
    meter.stop();
    return { us, peak };
  },

  bars: [
    most('peak: 8 MiB, viewed and dropped', 'large, dropped', 'peak', 128e6, MB),
    most('peak: 8 MiB, viewed and disposed', 'large, disposed', 'peak', 128e6, MB),
  ],
};
