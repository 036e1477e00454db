'use strict';
// Which of the prebuilt binaries is meant for this machine. The layout is that of prebuildify.

const fs = require('node:fs');

// The C library of Linux systems differs, and a program names the loader that it needs in its first page.
function libcOf(program) {
  const head = Buffer.alloc(4096);
  try {
    const file = fs.openSync(program, 'r');
    fs.readSync(file, head, 0, head.length, 0);
    fs.closeSync(file);
  } catch {
    return 'glibc'; // not allowed to read it: the usual one
  }
  return head.includes('/ld-musl-') ? 'musl' : 'glibc';
}

function prebuiltFor(platform, arch, libc) {
  const tag = platform === 'linux' ? `.${libc}` : '';
  return `prebuilds/${platform}-${arch}/ffi-tally${tag}.node`;
}

/** The path, in this package, of the prebuilt binary for this machine, whether it is there or not. */
function prebuiltHere() {
  const { arch, execPath, platform } = process;
  return prebuiltFor(platform, arch, platform === 'linux' ? libcOf(execPath) : undefined);
}

module.exports = { prebuiltFor, prebuiltHere };
