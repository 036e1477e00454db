'use strict';
// Everything that reads the sources without running them. All steps are tried; one that finds something fails all.
//   node scripts/lint.js [--fix] [step ...]      --fix lets prettier and clang-format write what they want

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFile, spawnSync } = require('node:child_process');
const { root, compilers, filesIn, hasTool, inParallel, run, skip } = require('./tools.js');

const fix = process.argv.includes('--fix');
const bin = (name, file) => path.join(root, 'node_modules', name, file);

function eslint() {
  return run(process.execPath, [bin('eslint', 'bin/eslint.js'), '--max-warnings=0', '.']);
}

/** Who may import whom: .dependency-cruiser.js for lib/, and rooms.js for native/. */
function rooms() {
  const lib = [
    bin('dependency-cruiser', 'bin/dependency-cruise.mjs'),
    'lib',
    '--config',
    '.dependency-cruiser.js',
  ];
  return [lib, [path.join(__dirname, 'rooms.js')]].map((args) => run(process.execPath, args)).every(Boolean);
}

function prettier() {
  const mode = fix ? '--write' : '--check';
  return run(process.execPath, [bin('prettier', 'bin/prettier.cjs'), mode, '--log-level=warn', '.']);
}

function links() {
  return run(process.execPath, [path.join(__dirname, 'links.js')]);
}

function types() {
  const check = ({ version, file }) => {
    console.log(`TypeScript ${version}`);
    return run(process.execPath, [file, '--project', 'tsconfig.json']);
  };
  return compilers().map(check).every(Boolean);
}

function typesCost() {
  return run(process.execPath, [path.join(__dirname, 'types-cost.js')]);
}

/** The reference as a site, below build/api/: every link in the typings leads somewhere. */
function api() {
  return run(process.execPath, [bin('typedoc', 'bin/typedoc'), '--logLevel', 'Warn']);
}

/** What users get: their resolution of our types, and whether the manifest says what is there. */
function packed() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-pack-'));
  try {
    const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory];
    if (!run('npm', args, { stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' }))
      return false;
    const tarball = path.join(directory, fs.readdirSync(directory)[0]);
    const attw = [bin('@arethetypeswrong/cli', 'dist/index.js'), '--no-emoji', '--no-color', tarball];
    const publint = [bin('publint', 'src/cli.js'), '--strict', tarball];
    return [attw, publint].map((command) => run(process.execPath, command)).every(Boolean);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

function clangFormat() {
  if (!hasTool('clang-format')) return skip('clang-format', 'not installed');
  const files = ['native', 'test', 'demo', 'benchmark'].flatMap((directory) =>
    filesIn(directory, ['.c', '.cc', '.h']),
  );
  return run('clang-format', [...(fix ? ['-i'] : ['--dry-run', '-Werror']), ...files]);
}

function nodeHeaders() {
  const prefix = path.dirname(path.dirname(process.execPath));
  return [path.join(prefix, 'include/node'), '/usr/include/node'].find((directory) =>
    fs.existsSync(path.join(directory, 'node_api.h')),
  );
}

async function clangTidy() {
  if (!hasTool('clang-tidy')) return skip('clang-tidy', 'not installed');
  const headers = nodeHeaders();
  if (headers === undefined) return skip('clang-tidy', 'the headers of Node are not installed');
  const pkgConfig = spawnSync('pkg-config', ['--cflags', 'libffi'], { encoding: 'utf8' });
  const libffi =
    pkgConfig.status === 0 ? ['-DTALLY_HAS_LIBFFI=1', ...pkgConfig.stdout.trim().split(/\s+/)] : [];
  const compiler = [
    ...['-std=c++17', '-pthread', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-Inative'],
    ...['-isystem', headers, '-isystem', require('node-addon-api').include.replaceAll('"', '')],
    ...[
      '-DNAPI_VERSION=8',
      '-DNODE_ADDON_API_DISABLE_DEPRECATED',
      '-DNAPI_DISABLE_CPP_EXCEPTIONS',
      ...libffi,
    ],
  ].filter(Boolean);
  const check = (args) =>
    new Promise((resolve) => {
      const options = { cwd: root, maxBuffer: 1 << 28 };
      execFile('clang-tidy', ['--quiet', ...args, '--', ...compiler], options, (error, stdout, stderr) => {
        // Even when quiet, it counts the warnings in the headers of others.
        process.stdout.write(stdout + stderr.replace(/^\d+ warnings? generated\.\n/gm, ''));
        resolve(error === null);
      });
    });
  // Most checks look at all that is declared in the headers of others: once for a room, where its sources can be one. The
  // analyzer follows the functions of the file that it is given only, and what is unused is unused in a file.
  const rooms = ['native/base', 'native/books', 'native/env', 'native/napi'];
  const runs = filesIn('native', ['.cc']).map((file) =>
    rooms.includes(path.dirname(file)) ? [`--checks=-*,${OF_A_FILE.join()}`, file] : [file],
  );
  const ofRooms = rooms.map((room) => [
    `--checks=-bugprone-suspicious-include,${OF_A_FILE.map((check) => `-${check}`).join()}`,
    '--header-filter=/native/([a-z]+/)?[a-z_]+\\.(h|cc)$',
    asOneSource(room),
  ]);
  return (await inParallel([...runs, ...ofRooms], check)).every(Boolean);
}

const OF_A_FILE = ['clang-analyzer-*', 'misc-unused-*'];

/** A file that includes all sources of a room. */
function asOneSource(room) {
  const made = path.join(root, 'build/lint', `${path.basename(room)}.cc`);
  fs.mkdirSync(path.dirname(made), { recursive: true });
  fs.writeFileSync(
    made,
    filesIn(room, ['.cc'])
      .map((file) => `#include "../../${file}"\n`)
      .join(''),
  );
  return made;
}

async function main(wanted) {
  const failed = [];
  for (const [name, step] of Object.entries(steps)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    console.log(`# ${name}`);
    if (!(await step())) failed.push(name);
  }
  console.log(failed.length > 0 ? `lint failed: ${failed.join(', ')}` : 'lint passed');
  process.exitCode = failed.length > 0 ? 1 : 0;
}

const steps = {
  ...{ eslint, rooms, prettier, links, types, 'types-cost': typesCost, api, packed },
  ...{ 'clang-format': clangFormat, 'clang-tidy': clangTidy },
};
main(process.argv.slice(2).filter((argument) => argument !== '--fix'));
