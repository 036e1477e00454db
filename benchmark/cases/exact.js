'use strict';

const { mostOver, perStep } = require('../per-step');
const { blocksLibrary } = require('../paths');

const PAIRS = 1000; // in one call

// Both in one process would do: only the libraries of types without a size are counted.
function maker(size) {
  const koffi = require('../../lib/ffi/koffi');
  const library = koffi.load(blocksLibrary);
  koffi.opaque('Block');
  koffi.owned('OwnedBlock', 'Block *', { free: 'block_free', size });
  const pair = library.func('void block_pairs(size_t count, size_t bytes)');
  const first = library.func('OwnedBlock block_new(size_t bytes)');
  const second = library.func('OwnedBlock block_new(size_t bytes)');
  const make = () => {
    first(100).dispose();
    second(100).dispose();
  };
  return { make, pairs: () => pair(PAIRS, 100) };
}

module.exports = {
  title: 'blocks of 100 bytes, made and disposed of, with a size that is said and one that is left out',
  peers: ['sized', 'exact'],
  create: (name) => maker(name === 'sized' ? 100 : undefined),
  titles: { sized: 'ffi-tally, size: 100', exact: 'ffi-tally, no size' },
  reference: 'sized',
  rounds: 9,
  sizes: { full: { batches: 21, count: 200_000 }, quick: { batches: 3, count: 20_000 } },
  cap: 2e9,
  columns: [
    { head: 'ns each', cell: (result) => result.ns.toFixed(1) },
    { head: 'a pair', cell: (result) => result.pair.toFixed(1) },
  ],

  run({ peer, sizes: { batches, count }, meter }) {
    meter.start();
    const ns = perStep(peer.make, { batches, count: count / 2 }) / 2;
    const pair = perStep(peer.pairs, { batches, count: count / PAIRS }) / PAIRS;
    meter.stop();
    return { ns, pair };
  },

  bars: [
    mostOver('no size over one that is said: 20 for the call, 13 for its block', 'exact', 'sized', 'ns', 33),
    mostOver('malloc() and free() of such a library', 'exact', 'sized', 'pair', 13),
  ],
};
