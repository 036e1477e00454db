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
const { compile } = require('./install.js');
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
const OLDEST_GLIBC = [2, 28];
const ENTRY_POINTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];
// Whatever runs Node has these.
const SYSTEM_LIBRARIES =
  /^(libc|libm|libdl|libpthread|libgcc_s|libstdc\+\+|libc\.musl-.*|ld-(linux|musl).*)\.so/;
// Above this somebody has forgotten to strip it.
const MAX_BYTES = 300 * 1024; // half of it are the functions of metered allocators, a set for each meter

function fail(message) {
  console.error(message);
  process.exit(1);
}

function output(command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) fail(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
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

function checkLinux(file) {
  const dynamic = output('readelf', '-d', '--wide', file);
  const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
  const strange = needed.filter((name) => !SYSTEM_LIBRARIES.test(name));
  if (strange.length > 0) fail(`${file} needs ${strange.join(', ')}`);
  if (dynamic.includes('TEXTREL'))
    fail(`${file} has relocations in its code: something in it was built without -fPIC`);

  const shown = output('nm', '-D', '--defined-only', '--format=posix', file)
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0]);
  if (shown.sort().join() !== ENTRY_POINTS.join()) fail(`${file} shows ${shown.join(', ')}`);

  const versions = output('objdump', '-T', file).matchAll(/GLIBC_(\d+)\.(\d+)/g);
  const numbers = [...versions].map(([, major, minor]) => [Number(major), Number(minor)]);
  const [newest = [0, 0]] = numbers.sort((a, b) => b[0] - a[0] || b[1] - a[1]);
  if (newest[0] > OLDEST_GLIBC[0] || newest[1] > OLDEST_GLIBC[1]) {
    fail(`${file} needs glibc ${newest.join('.')}, but Node 18 does with ${OLDEST_GLIBC.join('.')}`);
  }
  return { needed: needed.join(' '), glibc: newest.join('.') };
}

function checkMac(file) {
  const needed = output('otool', '-L', file)
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(' ')[0])
    .filter((name) => name !== '' && !name.includes('ffi_tally'));
  const strange = needed.filter((name) => !name.startsWith('/usr/lib/') || name.includes('libffi'));
  if (strange.length > 0) fail(`${file} needs ${strange.join(', ')}`);
  return { needed: needed.join(' ') };
}

/** In a copy of the library that has this binary and no other, so that it is this one that runs. */
function test(file, program) {
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-prebuilt-'));
  for (const name of ['docs', 'lib', 'test', 'package.json']) {
    fs.cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  }
  const target = path.join(copy, prebuiltHere());
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.copyFileSync(file, target);
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'), 'junction');
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
  const { size } = fs.statSync(file);
  if (size > MAX_BYTES) fail(`${file} has ${size} bytes`);
  const checks = { linux: checkLinux, darwin: checkMac };
  const found = checks[process.platform]?.(file) ?? { unchecked: 'symbols and libraries' };
  test(file, program ?? '--eval=process.exitCode = require("./lib/binding").canBind ? 0 : 1');
  console.log(JSON.stringify({ file: prebuiltHere(), bytes: size, ...found }));
  return undefined;
}

main(process.argv.slice(2));
