'use strict';
// For programs that plant 100 MiB somewhere: planted() prints by how many MiB each term of memoryUsage() has moved.

const koffi = require('koffi');
const { POINTER, SIZE, collect, memoryUsage, track, trim } = require('../../../lib');

const isMac = process.platform === 'darwin';
const BYTES = 100 * 2 ** 20;

const libc = koffi.load(isMac ? 'libSystem.dylib' : 'libc.so.6');
const malloc = libc.func('void *malloc(size_t bytes)');
const free = libc.func('void free(void *block)');
const memset = libc.func('void *memset(void *block, int value, size_t bytes)');
const mmap = libc.func(
  'void *mmap(void *hint, size_t bytes, int protection, int flags, int file, long offset)',
);

function touched(block, bytes = BYTES) {
  memset(block, 1, bytes);
  return block;
}

function many() {
  const blocks = Array.from({ length: BYTES / 4096 }, () => touched(malloc(4080), 4080));
  return { blocks, above: malloc(4080) }; // above: so that the heap cannot shrink
}

function freed({ blocks, above }) {
  for (const block of blocks) free(block);
  return above;
}

const kept = [];

function planted(plant, prepared) {
  for (let i = 0; i < 2; i++) {
    memoryUsage();
    collect();
  }
  const before = memoryUsage().terms;
  kept.push(plant(prepared));
  collect();
  const after = memoryUsage().terms;
  const moved = Object.entries(after).map(([name, bytes]) => [name, (bytes - before[name]) / 2 ** 20]);
  console.log(JSON.stringify(Object.fromEntries(moved)));
}

module.exports = {
  ...{ BYTES, POINTER, SIZE, track, trim },
  ...{ freed, kept, libc, malloc, many, planted, touched },
  mapped: () => touched(mmap(null, BYTES, 3, isMac ? 0x1002 : 0x22, -1, 0)),
};
