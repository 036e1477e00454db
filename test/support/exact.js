'use strict';
// What the tests of counted sizes begin with.

const fs = require('node:fs');

/** Whether what libraries allocate can be counted here. */
const canCount =
  ['linux', 'win32'].includes(process.platform) &&
  ['x64', 'arm64', 'arm'].includes(process.arch) &&
  process.env.FFI_TALLY_BACKEND !== 'javascript';

/** The first lines of a program: its library is `counting`. */
const prelude = `
  const assert = require('node:assert');
  const binding = require('./lib/binding');
  const { collect, configure, stats, track, withOwnership } = require('./lib');
  const { counting } = require('./test/support/build.js')();
  const platform = require('./test/support/platform.js');
  const koffi = withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi'));
  koffi.opaque('Thing');
  const count = () => binding.countedTotals().bytes;
`;

/** The path of an allocator that can be preloaded; undefined where it is not installed, which CI does not allow. */
function allocator(name) {
  const machines = ['x86_64-linux-gnu', 'aarch64-linux-gnu', 'arm-linux-gnueabihf'];
  const file = [...machines.map((machine) => `/usr/lib/${machine}`), '/usr/lib64', '/usr/lib']
    .map((directory) => `${directory}/${name}`)
    .find((each) => fs.existsSync(each));
  if (file !== undefined) return file;
  if (process.env.CI === 'true') throw new Error(`${name} is not installed`);
  console.warn(`NOT RUN: ${name} is not installed`);
  return undefined;
}

module.exports = { allocator, canCount, prelude };
