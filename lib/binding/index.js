'use strict';
// The one door to the .node file. Where it does not open, the backend in JavaScript takes its place, with a warning; or,
// for those who want the native one or nothing, a help page says why.

const fs = require('node:fs');
const path = require('node:path');
const { ArgumentValueError, BindingError } = require('../support/errors');
const { forgetFormerCopies } = require('../support/former-copies');
const { prebuiltHere } = require('./prebuilt');

const root = path.join(__dirname, '../..');
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
    '  - Elsewhere, build it: npx ffi-tally build (needs a C++17 compiler and Python 3; libffi-dev and pkg-config too,',
    '    for destructors with bound arguments)',
    '  - Bundled? A bundler leaves binaries behind: keep ffi-tally and koffi out of it (docs/deployment.md)',
    '  - Started with --permission? Then addons need --allow-addons. With --no-addons there are none.',
    '  - To do without, and not to be warned of it: FFI_TALLY_BACKEND=javascript (see docs/without-a-binary.md)',
  ].join('\n');
}

/** { addon }, or { attempts } that all failed. */
function load() {
  const attempts = [];
  for (const name of candidates) {
    const file = path.join(root, name);
    try {
      if (fs.existsSync(file)) return { addon: require(file), attempts };
      attempts.push({ file, reason: 'there is no such file' });
    } catch (error) {
      attempts.push({ file, reason: error.message, error });
    }
  }
  return { attempts };
}

const WARNED = 'ffi-tally: FFI_TALLY_NO_BINARY';

/** Warns, once for this thread and those that it starts. */
function warn(attempts) {
  const { getEnvironmentData, setEnvironmentData } = require('node:worker_threads');
  if (getEnvironmentData(WARNED)) return;
  setEnvironmentData(WARNED, true);
  const broken = attempts.find(({ error }) => error !== undefined);
  const reason = broken === undefined ? 'there is none for this machine' : broken.reason;
  process.emitWarning(
    `ffi-tally works without its native part (${reason}): memory is freed on the event loop only, never in ` +
      `synchronous code, nor when a worker ends`,
    { type: 'FfiTallyWarning', code: 'FFI_TALLY_NO_BINARY', detail: helpPage(attempts) },
  );
}

/** An environment of its own for this copy of the JavaScript half. */
function openNative(addon) {
  // No worker is in the first thread. Elsewhere node:worker_threads is asked, which takes a while to load.
  const isMainThread = addon.isFirstThread || require('node:worker_threads').isMainThread;
  // Copied, because objects that native code fills are slow to look things up in.
  return {
    backend: 'native',
    isMainThread,
    canCall: true,
    lendFfi() {},
    findFfi() {},
    shared: addon.shared,
    ...addon.open(!isMainThread),
    // Deno calls the finalizers of buffers in any thread, not from the event loop.
    ...(process.versions.deno !== undefined && { onDead() {} }),
  };
}

function open(wish) {
  if (![undefined, '', 'native', 'javascript'].includes(wish)) {
    throw new ArgumentValueError(wish, 'FFI_TALLY_BACKEND', `'native' or 'javascript'`);
  }
  if (wish !== 'javascript') {
    const { addon, attempts } = load();
    if (addon !== undefined) return openNative(addon);
    const { error } = attempts.find((attempt) => attempt.error !== undefined) ?? {};
    if (wish === 'native') throw new BindingError(helpPage(attempts), error);
    warn(attempts);
  }
  return require('./javascript').open();
}

forgetFormerCopies();
module.exports = open(process.env.FFI_TALLY_BACKEND);
