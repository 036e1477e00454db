'use strict';
// Compiles the addon: what `npx ffi-tally build` runs where no prebuilt binary fits, and what the other scripts use. No
// installation runs it.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { findLibffi } = require('./libffi.js');

const root = path.join(__dirname, '..');
const windows = process.platform === 'win32';

// What only a build needs. Not at the top of the package: package managers build what has a binding.gyp there.
const SOURCE = 'prebuilds/source';
const BINARY = 'build/Release/ffi_tally.node';

const runs = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
const anyRuns = (...commands) => commands.some((command) => Boolean(command) && runs(command));

/** What a build needs and this machine has not, each as a line of text. */
function missing() {
  const { CXX, PYTHON, npm_config_python: python } = process.env;
  const lines = [];
  if (!windows && !anyRuns(CXX?.split(' ')[0], 'c++', 'g++', 'clang++')) {
    lines.push('a C++17 compiler (Debian: g++, Alpine: g++, macOS: xcode-select --install)');
  }
  if (!windows && !anyRuns('make', 'gmake')) lines.push('make');
  if (!anyRuns(python, PYTHON, 'python3', 'python')) lines.push('Python 3');
  if (nodeGyp() === undefined)
    lines.push('node-gyp (npm brings it: use npx, or npm install --no-save node-gyp)');
  return lines;
}

/** The path of node-gyp, which npm brings along; undefined where nobody does. */
function nodeGyp() {
  if (process.env.npm_config_node_gyp !== undefined) return process.env.npm_config_node_gyp;
  const beside = path.join(path.dirname(process.execPath), windows ? '.' : '../lib', 'node_modules/npm');
  try {
    return require.resolve('node-gyp/bin/node-gyp.js', { paths: [root, process.cwd(), beside] });
  } catch {
    return undefined;
  }
}

/** Where the headers of node-addon-api are: in a clone those that are installed, in the package those that came with it. */
function headers() {
  const packed = path.join(root, SOURCE, 'napi.h');
  const file = fs.existsSync(packed) ? packed : require.resolve('node-addon-api/napi.h');
  return path.relative(process.cwd(), path.dirname(file)); // make takes no spaces, which may be further up
}

/** Compiles the addon in `directory`. Returns what spawnSync does. */
function compile({ directory = root, ...options } = {}) {
  // node-gyp itself would compile one file after the other. A compiler takes some 200 MB, which containers may not have.
  const jobs = process.env.JOBS ?? Math.min(os.cpus().length, 4);
  const command = [
    nodeGyp(),
    'configure',
    'build',
    '--loglevel=warn',
    `--directory=${directory}`,
    `--jobs=${jobs}`,
  ];
  // Headers that came with this Node make the build independent of the network.
  const prefix = path.dirname(path.dirname(process.execPath));
  if (fs.existsSync(path.join(prefix, 'include/node/node_api.h'))) command.push(`--nodedir=${prefix}`);
  return spawnSync(process.execPath, command, { cwd: directory, ...options });
}

/** The directory to build in: a clone itself, or a copy of what the package has for that. */
function source() {
  if (fs.existsSync(path.join(root, 'binding.gyp'))) return root;
  const staging = path.join(root, 'build/source');
  fs.rmSync(staging, { recursive: true, force: true });
  for (const name of ['native', 'scripts', SOURCE]) {
    fs.cpSync(path.join(root, name), path.join(staging, name), { recursive: true });
  }
  fs.copyFileSync(path.join(root, SOURCE, 'binding.gyp'), path.join(staging, 'binding.gyp'));
  return staging;
}

/** Builds and puts the binary where it is looked for first. Returns the exit code. */
function build() {
  const lines = missing();
  if (findLibffi() === undefined) {
    console.error('ffi-tally: without libffi (Debian: libffi-dev pkg-config) there are no bound arguments.');
  }
  if (lines.length === 0) {
    const directory = source();
    if (compile({ directory, stdio: 'inherit' }).status === 0) {
      if (directory !== root) {
        const target = path.join(root, BINARY);
        fs.mkdirSync(path.dirname(target), { recursive: true });
        fs.copyFileSync(path.join(directory, BINARY), target);
        fs.rmSync(directory, { recursive: true });
      }
      console.log(`ffi-tally: built ${path.join(root, BINARY)}`);
      return 0;
    }
  }
  const why = lines.length > 0 ? ['Missing:', ...lines.map((line) => `  - ${line}`)] : ['Why: see above.'];
  console.error(
    [
      '',
      `ffi-tally: its native part could not be compiled for ${process.platform}-${process.arch}.`,
      ...why,
      'Then again: npx ffi-tally build',
      'Until then it works in JavaScript, in a reduced form: docs/without-a-binary.md',
      'Without network, npm_config_nodedir=DIRECTORY says where include/node of your Node is.',
    ].join('\n'),
  );
  return 1;
}

module.exports = { build, compile, headers };
