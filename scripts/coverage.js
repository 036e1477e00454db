'use strict';
// What of lib/ and native/ the tests execute, in all processes that they start: a copy of the repository, its addon
// compiled for gcov, under the Jest suite and GoogleTest. Prints two tables; build/coverage/html shows which lines nothing
// reached.
//   node scripts/coverage.js [Jest's own arguments]
// Takes longer than `npm test`. A test that fails does not keep the tables from being printed.
// Not counted is what runs in processes that a signal ends, and in workers that are terminated: they write nothing down.

const fs = require('node:fs');
const path = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');
const { buildCopy } = require('./instrumented.js');
const { root, hasTool, run, skip } = require('./tools.js');

// Several threads count.
const COMPILE = '--coverage -fprofile-update=atomic';

const copy = path.join(root, 'build/coverage');
const raw = path.join(copy, 'v8');
const ours = path.join(copy, 'v8-lib');

// What Jest puts before each module; V8 counts it.
const WRAPPER_LENGTH = '({"Object.<anonymous>":function(module,exports,require,__dirname,__filename,jest){'
  .length;

function runTests(args) {
  fs.rmSync(raw, { recursive: true, force: true });
  const jest = path.join(root, 'node_modules/jest/bin/jest.js');
  const suite = (nodeArgs, jestArgs, env) =>
    // In one process: workers of Jest may be killed before they have written down what they counted.
    run(process.execPath, [...nodeArgs, jest, '--runInBand', '--silent', '--ci', ...jestArgs], {
      cwd: copy,
      env: { ...process.env, NODE_V8_COVERAGE: raw, ...env },
    });
  const withKoffi2 = { FFI_TALLY_TEST_KOFFI: 'koffi2' };
  return [
    suite(['--expose-gc'], args),
    suite([], args.length > 0 ? args : ['test/ffi/koffi/'], withKoffi2),
    run(process.execPath, ['scripts/test-native.js'], {
      cwd: copy,
      env: { ...process.env, CXX: 'g++', CXXFLAGS: COMPILE, LDFLAGS: '--coverage' },
    }),
  ].every(Boolean);
}

/** A script of V8's report as if Node had loaded it; undefined for what is not in lib/. */
function normalize(script) {
  const inJest = path.isAbsolute(script.url);
  if (!inJest && !script.url.startsWith('file:')) return undefined;
  const file = inJest ? script.url : fileURLToPath(script.url);
  if (!file.startsWith(path.join(copy, 'lib') + path.sep)) return undefined;
  if (!inJest) return script;
  const { length } = fs.readFileSync(file, 'utf8');
  const shift = (offset) => Math.min(Math.max(offset - WRAPPER_LENGTH, 0), length);
  const functions = script.functions.map((fn) => ({
    ...fn,
    ranges: fn.ranges.map((range) => ({
      ...range,
      startOffset: shift(range.startOffset),
      endOffset: shift(range.endOffset),
    })),
  }));
  return { ...script, url: pathToFileURL(file).href, functions };
}

/** What V8 reported; nothing if the process was ended while it wrote that down. */
function scriptsIn(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')).result;
  } catch (error) {
    console.error(`Not counted: ${path.basename(file)}, which is cut short (${error.message})`);
    return [];
  }
}

function reportLib() {
  fs.rmSync(ours, { recursive: true, force: true });
  fs.mkdirSync(ours, { recursive: true });
  for (const name of fs.readdirSync(raw)) {
    const scripts = scriptsIn(path.join(raw, name))
      .map(normalize)
      .filter((script) => script !== undefined);
    if (scripts.length > 0) fs.writeFileSync(path.join(ours, name), JSON.stringify({ result: scripts }));
  }
  const c8 = path.join(root, 'node_modules/c8/bin/c8.js');
  const options = [
    ...['--temp-directory', ours, '--all', '--src', 'lib', '--include', 'lib/**'],
    ...['--reporter', 'text', '--reporter', 'html', '--reports-dir', 'html'],
  ];
  return run(process.execPath, [c8, 'report', ...options], { cwd: copy });
}

function reportNative() {
  if (!hasTool('gcovr')) return skip('coverage of native/', 'gcovr is not installed');
  return run('gcovr', ['--root', '.', '--filter', 'native/', '--exclude-throw-branches', '--txt'], {
    cwd: copy,
  });
}

function main(args) {
  if (!hasTool('g++')) return skip('coverage', 'g++ is not installed');
  fs.rmSync(copy, { recursive: true, force: true });
  if (!buildCopy(copy, COMPILE, '--coverage')) return false;
  return [runTests(args), reportLib(), reportNative()].every(Boolean);
}

process.exitCode = main(process.argv.slice(2)) ? 0 : 1;
