'use strict';
// What Debian lacks of a machine with musl, x64, made of what it has for glibc: a C++ compiler, and the C++ library, which
// Bun and Koffi for musl need. That library asks little of the C library, so its objects for glibc do, with
// test/support/musl/ added.

const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');

const additions = path.join(__dirname, '../test/support/musl');
const FRAMES = '-Wl,--eh-frame-hdr'; // which musl-gcc forgets, and without which nothing is unwound
const ask = (...args) => execFileSync('g++', args, { encoding: 'utf8' }).trim();

/** Writes the scripts `gcc` and `g++` into a directory, and the libraries that programs need beside libc. */
function setUpMusl(directory) {
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true });
  const headers = `/usr/include/c++/${ask('-dumpversion')}`;
  const flags = [
    ...['-include', path.join(additions, 'configuration.h')],
    ...['-isystem', headers, '-isystem', headers.replace('include', `include/${ask('-dumpmachine')}`)],
  ];
  const scripts = {
    gcc: `musl-gcc "$@" ${FRAMES}`,
    'g++': `musl-gcc ${flags.join(' ')} "$@" ${FRAMES} -L${directory} -l:libstdc++.so.6 -l:libgcc_s.so.1`,
  };
  for (const [name, command] of Object.entries(scripts)) {
    fs.writeFileSync(path.join(directory, name), `#!/bin/sh\nexec ${command}\n`, { mode: 0o755 });
  }
  const unwinder = path.join(directory, 'libgcc_s.so.1');
  fs.copyFileSync(ask('-print-file-name=libgcc_s.so.1'), unwinder);
  const link = [
    ...[FRAMES, '-shared', '-fPIC', '-O2', '-s', '-o', path.join(directory, 'libstdc++.so.6')],
    path.join(additions, 'glibc.c'),
    ...['-Wl,--whole-archive', ask('-print-file-name=libstdc++.a'), '-Wl,--no-whole-archive'],
    ...['-Wl,-soname,libstdc++.so.6', unwinder],
  ];
  execFileSync('musl-gcc', link, { stdio: 'inherit' });
}

module.exports = { setUpMusl };
