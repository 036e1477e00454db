'use strict';
// What platforms call differently, for tests that call C.

const { platform } = process;
const { prebuiltHere } = require('../../lib/binding/prebuilt.js');
const windows = platform === 'win32';
const libc = { darwin: 'libSystem.dylib', win32: 'ucrtbase.dll' }[platform] ?? 'libc.so.6';

module.exports = {
  windows,
  musl: prebuiltHere().includes('.musl.'),
  mac: platform === 'darwin',
  /** Whether a program can interrupt itself: on Windows its SIGINT ends it. */
  canInterrupt: !windows,
  /** The C library, which has malloc(), free(), strlen() and the like. */
  libc,
  /** Where snprintf() can be called, and by what name: in UCRT it is inline. */
  snprintf: windows ? ['msvcrt.dll', '_snprintf'] : [libc, 'snprintf'],
  /** The name there of what POSIX calls `name`. */
  posix: (name) => (windows ? `_${name}` : name),
};
