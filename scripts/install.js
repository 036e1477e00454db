'use strict';
// What `npm install` and `npm rebuild` run, where npm runs such scripts at all; nothing depends on it. Compiles the
// addon where no prebuilt binary fits, or where --build-from-source asks for it, and says what is missing. Fails only
// when asked: an installation that goes on can be mended, and require('ffi-tally') says how.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { prebuiltHere } = require('../lib/binding/prebuilt.js');
const { findLibffi } = require('./libffi.js');

const root = path.join(__dirname, '..');
const windows = process.platform === 'win32';

function prebuiltFits() {
  try {
    require(path.join(root, prebuiltHere()));
    return true;
  } catch {
    return false;
  }
}

// --build-from-source, or --build-from-source=ffi-tally as node-pre-gyp has it.
function isAsked({ npm_config_build_from_source: wish }) {
  return (
    wish !== undefined && wish !== 'false' && (wish === 'true' || wish === '' || wish.includes('ffi-tally'))
  );
}

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
  if (nodeGyp() === undefined) lines.push('node-gyp (npm has it: build with npm, or npm install node-gyp)');
  return lines;
}

/** The path of node-gyp, which npm brings along; undefined where nobody does. */
function nodeGyp() {
  if (process.env.npm_config_node_gyp !== undefined) return process.env.npm_config_node_gyp;
  try {
    return require.resolve('node-gyp/bin/node-gyp.js', { paths: [root] });
  } catch {
    return undefined;
  }
}

/** Compiles the addon in `directory`. Returns what spawnSync does. */
function compile({ directory = root, ...options } = {}) {
  const command = [nodeGyp(), 'configure', 'build', '--loglevel=warn', `--directory=${directory}`];
  // Headers that came with this Node make the build independent of the network.
  const prefix = path.dirname(path.dirname(process.execPath));
  if (fs.existsSync(path.join(prefix, 'include/node/node_api.h'))) command.push(`--nodedir=${prefix}`);
  return spawnSync(process.execPath, command, { cwd: directory, ...options });
}

function main() {
  const asked = isAsked(process.env);
  if (!asked && prebuiltFits()) return;
  const lines = missing();
  if (findLibffi() === undefined) {
    console.error('ffi-tally: without libffi (Debian: libffi-dev pkg-config) there are no bound arguments.');
  }
  if (lines.length === 0 && compile({ stdio: 'inherit' }).status === 0) return;
  const why = lines.length > 0 ? ['Missing:', ...lines.map((line) => `  - ${line}`)] : ['Why: see above.'];
  console.error(
    [
      '',
      `ffi-tally: its native part could not be compiled for ${process.platform}-${process.arch}.`,
      ...why,
      'Then: npm rebuild ffi-tally --build-from-source --foreground-scripts',
      'Until then it works in JavaScript, in a reduced form: docs/without-a-binary.md',
      'Without network, npm_config_nodedir=DIRECTORY says where include/node of your Node is.',
    ].join('\n'),
  );
  process.exitCode = asked ? 1 : 0;
}

if (require.main === module) main();

module.exports = { compile };
