'use strict';
// Runs the Jest suite with gc() at hand from the start, and then without, as our users run Node, what is not the same then
// (test/support/once.js). With arguments, which are Jest's own, it runs once, with gc(). The last line is the sum of all
// runs.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { root, filesIn } = require('./tools.js');

const jest = path.join(root, 'node_modules/jest/bin/jest.js');
const results = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-test-'));

function readResult(file) {
  const missing = { numTotalTests: 0, numPassedTests: 0, numFailedTests: 1, numPendingTests: 0 };
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : missing;
}

function runJest(nodeArgs, jestArgs) {
  console.log(`\n# jest on Node ${process.version} ${nodeArgs.join(' ')}`);
  const outputFile = path.join(results, 'result.json');
  fs.rmSync(outputFile, { force: true });
  const { status } = spawnSync(
    process.execPath,
    [...nodeArgs, jest, ...jestArgs, '--json', `--outputFile=${outputFile}`],
    // Jest prints to stderr; on stdout, the summary shall not overtake it.
    { cwd: root, stdio: ['ignore', 'inherit', 1] },
  );
  const result = readResult(outputFile);
  const passed = result.numPassedTests;
  // A file that cannot be run, or a worker that died, has no tests that could fail.
  let failed = result.numFailedTests + (result.numRuntimeErrorTestSuites ?? 0);
  const nothingRan = passed + failed === 0;
  if (nothingRan) console.error('No test ran.');
  if (failed === 0 && (status !== 0 || nothingRan)) failed = 1;
  return { passed, failed, skipped: result.numPendingTests };
}

/** The test files that are the same with gc() and without. */
function once() {
  const saysSo = (file) =>
    fs
      .readFileSync(path.join(root, file), 'utf8')
      .startsWith('/** @jest-environment ./test/support/once.js */');
  return filesIn('test', ['.js']).filter(saysSo);
}

function runAll(jestArgs) {
  try {
    require('../test/support/build.js')();
  } catch (error) {
    console.error(`Cannot build the library that the tests call: ${error.message}`);
    return [{ passed: 0, failed: 1, skipped: 0 }];
  }
  const runs = [runJest(['--expose-gc'], jestArgs)];
  if (jestArgs.length === 0)
    runs.push(
      runJest(
        [],
        once().flatMap((file) => ['--testPathIgnorePatterns', file]),
      ),
    );
  return runs;
}

const runs = runAll(process.argv.slice(2));
fs.rmSync(results, { recursive: true });

const sum = (key) => runs.reduce((total, run) => total + run[key], 0);
const skipped = sum('skipped') > 0 ? `, ${sum('skipped')} skipped` : '';
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed${skipped}`);
process.exitCode = sum('failed') > 0 ? 1 : 0;
