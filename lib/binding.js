'use strict';
// The one door to the .node file, or a help page on why it does not open.

const fs = require('node:fs');
const path = require('node:path');
const { isMainThread } = require('node:worker_threads');
const { BindingError } = require('./errors');
const { prebuiltHere } = require('./prebuilt');

const root = path.join(__dirname, '..');
// What was built here comes first: somebody wanted it.
const candidates = ['build/Release/ffi_tally.node', 'build/Debug/ffi_tally.node', prebuiltHere()];

function helpPage(attempts) {
  return [
    `Could not load the native part of ffi-tally on ${process.platform}-${process.arch}, Node ${process.version}.`,
    '',
    'Tried:',
    ...attempts.map(({ file, reason }) => `  ${file}\n    ${reason}`),
    '',
    'What to do:',
    '  - Install again: the package has binaries for Linux (glibc, musl), macOS and Windows, which need no scripts',
    '  - Elsewhere, build it: npm rebuild ffi-tally --build-from-source --foreground-scripts (needs a C++17',
    '    compiler and Python 3; libffi-dev and pkg-config too, for destructors with bound arguments)',
    '  - Where npm refuses to run that build: npm install-scripts approve ffi-tally, and then the line above',
    '  - Started with --permission? Then addons need --allow-addons. With --no-addons there are none.',
  ].join('\n');
}

function load() {
  const attempts = [];
  for (const name of candidates) {
    const file = path.join(root, name);
    try {
      if (fs.existsSync(file)) return require(file);
      attempts.push({ file, reason: 'there is no such file' });
    } catch (error) {
      attempts.push({ file, reason: error.message, error });
    }
  }
  throw new BindingError(helpPage(attempts), attempts.find(({ error }) => error !== undefined)?.error);
}

// An environment of its own for this copy of the JavaScript half.
// Copied, because objects that native code fills are slow to look things up in.
module.exports = { ...load().open(!isMainThread) };
