'use strict';

const koffi = require('koffi');
const { most } = require('../bars');
const { inTurn } = require('../per-step');

const libc = process.platform === 'win32' ? 'msvcrt.dll' : null;
const BYTES = 64;
const PEERS = ['decode', 'encode'];

// What plain Koffi is given is what its malloc() has returned: an address. Nobody checks that. V8 compiles each function of this
// file for what it calls, as it does for a program that has one of the two.
function plain() {
  const { decode, encode } = koffi;
  const memory = koffi.load(libc).func('void *malloc(size_t bytes)')(BYTES);
  return {
    decode: () => decode(memory, 8, 'int'),
    encode: () => encode(memory, 8, 'int', 7),
  };
}

function tracked() {
  const owning = require('../../lib/ffi/koffi');
  const { decode, encode } = owning;
  const library = owning.load(libc);
  owning.owned('OwnedMemory', 'void *', { free: 'free', size: BYTES });
  const memory = library.func('OwnedMemory malloc(size_t bytes)')(BYTES);
  return {
    decode: () => decode(memory, 8, 'int'),
    encode: () => encode(memory, 8, 'int', 7),
  };
}

const ns = (key) => (result) => result[key].toFixed(1);
const bar = (name) => most(`${name}() over that of Koffi`, name, 'over', 15, (value) => `${value.toFixed(1)} ns`, 'time'); // prettier-ignore

module.exports = {
  title:
    'an int read and written in 64 bytes: by Koffi at an address, by the drop-in in a tracked pointer, within its size',
  peers: PEERS,
  create: (name) => [plain()[name], tracked()[name]],
  titles: { decode: 'decode()', encode: 'encode()' },
  reference: 'decode',
  rounds: 9,
  sizes: { full: { batches: 2001, count: 1000 }, quick: { batches: 101, count: 1000 } },
  cap: 2e9,
  columns: [
    { head: 'Koffi, ns', cell: ns('theirs') },
    { head: 'drop-in, ns', cell: ns('ours') },
    { head: 'over, ns', cell: ns('over') },
  ],

  run({ peer: [theirs, ours], sizes, meter }) {
    meter.start();
    const times = inTurn(theirs, ours, sizes);
    meter.stop();
    return times;
  },

  bars: PEERS.map(bar),
};
