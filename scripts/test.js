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
const missing = {
  ...{ numTotalTests: 0, numPassedTests: 0, numFailedTests: 1, numPendingTests: 0 },
  testResults: [{ name: jest, status: 'failed', assertionResults: [] }],
};

function readResult(file) {
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : missing;
}

/** What failed, as { file, test }; a file that cannot be run, or whose worker died, has no tests that could fail. */
function failuresIn({ testResults }) {
  return testResults
    .filter(({ status }) => status === 'failed')
    .flatMap(({ name, assertionResults }) => {
      const file = path.relative(root, name);
      const failed = assertionResults.filter(({ status }) => status === 'failed');
      return failed.length > 0
        ? failed.map(({ fullName }) => ({ file, test: fullName }))
        : [{ file, test: '(the file itself)' }];
    });
}

function runJest(nodeArgs, jestArgs, output) {
  const results = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-test-'));
  const outputFile = path.join(results, 'result.json');
  const { status } = spawnSync(
    process.execPath,
    [...nodeArgs, jest, ...jestArgs, '--json', `--outputFile=${outputFile}`],
    // Jest prints to stderr; on stdout, the summary shall not overtake it.
    { cwd: root, stdio: ['ignore', output, output] },
  );
  const result = readResult(outputFile);
  fs.rmSync(results, { recursive: true });
  const failed = result.numFailedTests + (result.numRuntimeErrorTestSuites ?? 0);
  return {
    passed: result.numPassedTests,
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: result.numPendingTests,
    failures: failuresIn(result),
  };
}

/** The test files that are the same with gc() and without. */
function once() {
  const saysSo = (file) =>
    fs
      .readFileSync(path.join(root, file), 'utf8')
      .startsWith('/** @jest-environment ./test/support/once.js */');
  return filesIn('test', ['.js']).filter(saysSo);
}

/**
 * Runs what Jest's arguments choose, with gc() and, if `both`, without. `output` is a file descriptor. Returns
 * { passed, failed, skipped, failures }.
 */
function runSuite(jestArgs, both, output = 1) {
  require('../test/support/build.js')();
  const say = (gc) => fs.writeSync(output, `\n# jest on Node ${process.version}, ${gc} gc()\n`);
  say('with');
  const runs = [runJest(['--expose-gc'], jestArgs, output)];
  if (both) {
    say('without');
    const others = once().flatMap((file) => ['--testPathIgnorePatterns', file]);
    runs.push(runJest([], [...jestArgs, '--passWithNoTests', ...others], output));
  }
  const sum = (key) => runs.reduce((total, run) => total + run[key], 0);
  return {
    ...{ passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') },
    failures: runs.flatMap(({ failures }) => failures),
  };
}

function main(jestArgs) {
  const { passed, failed, skipped } = runSuite(jestArgs, jestArgs.length === 0);
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exitCode = failed > 0 ? 1 : 0;
}

if (require.main === module) main(process.argv.slice(2));

module.exports = { runSuite };
