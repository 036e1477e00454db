'use strict';
// Builds the prebuilt binary for this machine, below prebuilds/, and checks it: what it shows, what it needs, that it
// loads. A release is packed from a directory in which the workflow has assembled those of all machines.
//   node scripts/prebuild.js [--test FILE | --assembled]
//     --test FILE   checks that the binary for this machine is there and that FILE runs with it
//     --assembled   checks that the binaries for all machines are there

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { prebuiltFor, prebuiltHere } = require('../lib/binding/prebuilt.js');
const { readBinary } = require('./binary.js');
const { compile } = require('./build.js');
const { root } = require('./tools.js');

const TARGETS = [
  ['linux', 'x64', 'glibc'],
  ['linux', 'x64', 'musl'],
  ['linux', 'arm64', 'glibc'],
  ['linux', 'arm64', 'musl'],
  ['darwin', 'x64'],
  ['darwin', 'arm64'],
  ['win32', 'x64'],
];

// What Node 18 itself needs.
const OLDEST_GLIBC = '2.28';
const OLDEST_MACOS = '11.0';
const ENTRY_POINTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];
// Whatever runs Node has these.
const SYSTEM_LIBRARIES = {
  linux: /^(libc|libm|libdl|libpthread|libgcc_s|libstdc\+\+|libc\.musl-.*|ld-(linux|musl).*)\.so/,
  darwin: /^\/usr\/lib\/(libSystem\.B|libc\+\+\.1|libc\+\+abi)\.dylib$/,
  win32: /^(node\.exe|kernel32\.dll|ntdll\.dll|ucrtbase\.dll|api-ms-win-crt-.*\.dll)$/i,
};
// Above this somebody has forgotten something. libffi is in it, and on Windows the C++ library, too.
const MAX_BYTES = { linux: 448 * 1024, darwin: 448 * 1024, win32: 600 * 1024 };

const isNewer = (version, than) =>
  version !== undefined && version.localeCompare(than, 'en', { numeric: true }) > 0;

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Compiles out of the way of build/, which is for development. Returns the binary's path. */
function build() {
  const staging = path.join(root, 'build', 'prebuild');
  fs.rmSync(staging, { recursive: true, force: true });
  for (const name of ['binding.gyp', 'native', 'scripts']) {
    fs.cpSync(path.join(root, name), path.join(staging, name), { recursive: true });
  }
  const env = { ...process.env, GYP_DEFINES: 'prebuilt=1' };
  const { status } = compile({ directory: staging, env, stdio: ['ignore', 2, 2] });
  if (status !== 0) fail('The build failed.');
  return path.join(staging, 'build/Release/ffi_tally.node');
}

/** Refuses what shows or needs more than it may. Returns what was found. */
function checkBinary(file, platform, libc, { alsoNeeded, alsoShown, unstripped = false } = {}) {
  const { size, exported, needed, stripped, relocatedCode, glibc, minos } = readBinary(file);
  if (!stripped && !unstripped) fail(`${file} is not stripped`);
  if (size > MAX_BYTES[platform] && !unstripped) fail(`${file} has ${size} bytes`);
  const shown = exported.filter((name) => !alsoShown?.test(name)).sort();
  if (shown.join() !== ENTRY_POINTS.join()) fail(`${file} shows ${shown.slice(0, 20).join(', ')}`);
  const strange = needed.filter((name) => name !== alsoNeeded && !SYSTEM_LIBRARIES[platform].test(name));
  if (strange.length > 0) fail(`${file} needs ${strange.join(', ')}`);
  if (relocatedCode) fail(`${file} has relocations in its code: something in it was built without -fPIC`);
  if (libc !== 'musl' && isNewer(glibc, OLDEST_GLIBC)) {
    fail(`${file} needs glibc ${glibc}, but Node 18 does with ${OLDEST_GLIBC}`);
  }
  if (isNewer(minos, OLDEST_MACOS)) fail(`${file} needs macOS ${minos}, but we promise ${OLDEST_MACOS}`);
  return { bytes: size, needed: needed.join(' '), glibc, minos };
}

/** Copies the library, with this binary in that place and no other, so that it is this one that runs. */
function copyWith(file, place, copy) {
  for (const name of ['docs', 'lib', 'test', 'package.json']) {
    fs.cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  }
  const target = path.join(copy, place);
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.copyFileSync(file, target);
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'), 'junction');
}

function test(file, program) {
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-prebuilt-'));
  copyWith(file, prebuiltHere(), copy);
  const env = { ...process.env, FFI_TALLY_BACKEND: 'native' };
  const { status } = spawnSync(process.execPath, [program], { cwd: copy, stdio: 'inherit', env });
  fs.rmSync(copy, { recursive: true });
  if (status !== 0) fail(`${program} failed with ${file}`);
}

function checkAssembled() {
  const absent = TARGETS.map((target) => prebuiltFor(...target)).filter(
    (name) => !fs.existsSync(path.join(root, name)),
  );
  if (absent.length > 0) fail(`Not assembled yet, so nothing is published:\n  ${absent.join('\n  ')}`);
}

function main([option, program]) {
  if (option === '--assembled') return checkAssembled();
  const file = path.join(root, prebuiltHere());
  if (option !== '--test') {
    const built = build();
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.copyFileSync(built, file);
  }
  const found = checkBinary(file, process.platform, prebuiltHere().includes('musl') ? 'musl' : undefined);
  test(file, program ?? '--eval=process.exitCode = require("./lib/binding").canBind ? 0 : 1');
  console.log(JSON.stringify({ file: prebuiltHere(), ...found }));
  return undefined;
}

if (require.main === module) main(process.argv.slice(2));

module.exports = { checkBinary, copyWith };
