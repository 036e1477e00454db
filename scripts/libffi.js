'use strict';
// Where libffi is, for binding.gyp: the prefix in FFI_TALLY_LIBFFI, or what pkg-config or the SDK of macOS says.
//   node scripts/libffi.js found | include | libs | static

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const windows = process.platform === 'win32';

function ask(command, ...args) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

function inPrefix(prefix) {
  // vcpkg calls it ffi.lib, others libffi.lib.
  const names = windows ? ['ffi.lib', 'libffi.lib'] : ['libffi.a'];
  const archives = names.map((name) => path.join(prefix, 'lib', name));
  const library = archives.find((file) => fs.existsSync(file)) ?? archives[0];
  return { include: [path.join(prefix, 'include')], libs: library, archives: [library] };
}

function fromPkgConfig() {
  const libs = ask('pkg-config', '--libs', 'libffi');
  if (libs === undefined) return undefined;
  const include = ask('pkg-config', '--cflags-only-I', 'libffi').split(/\s+/).filter(Boolean);
  const directory = ask('pkg-config', '--variable=libdir', 'libffi');
  const compiler = process.env.CC ?? 'cc';
  return {
    include: include.map((flag) => flag.slice('-I'.length)),
    libs,
    // Debian has a second archive, for shared objects; and where they are, only the compiler knows there.
    archives: ['libffi_pic.a', 'libffi.a'].flatMap((name) => [
      ask(compiler, `-print-file-name=${name}`) ?? name,
      path.join(directory, name),
    ]),
  };
}

function fromSdk() {
  if (process.platform !== 'darwin') return undefined;
  const include = path.join(ask('xcrun', '--show-sdk-path') ?? '/', 'usr/include/ffi');
  return fs.existsSync(include) ? { include: [include], libs: '-lffi', archives: [] } : undefined;
}

function findLibffi() {
  const prefix = process.env.FFI_TALLY_LIBFFI;
  return prefix ? inPrefix(prefix) : (fromPkgConfig() ?? fromSdk());
}

const answers = {
  found: (libffi) => (libffi === undefined ? '0' : '1'),
  include: ({ include }) => include.join('\n'),
  libs: ({ libs }) => libs,
  static({ archives }) {
    const archive = archives.find((file) => path.isAbsolute(file) && fs.existsSync(file));
    if (archive === undefined) throw new Error(`No static libffi, looked for: ${archives.join(', ')}`);
    return archive;
  },
};

// gyp takes a backslash for the beginning of an escape.
if (require.main === module) console.log(answers[process.argv[2]](findLibffi()).replaceAll('\\', '/'));

module.exports = { findLibffi };
