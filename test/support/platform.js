'use strict';
// What platforms call differently, for tests that call C.

const { platform } = process;
const { prebuiltHere } = require('../../lib/binding/prebuilt.js');
const windows = platform === 'win32';

module.exports = {
  windows,
  musl: prebuiltHere().includes('.musl.'),
  mac: platform === 'darwin',
  /** The C library, which has malloc(), free(), strlen() and the like. */
  libc: { darwin: 'libSystem.dylib', win32: 'ucrtbase.dll' }[platform] ?? 'libc.so.6',
  /** write(fd, bytes, count) */
  write: windows ? '_write' : 'write',
};
