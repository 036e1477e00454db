'use strict';
// Runs the Jest suite with gc() at hand from the start, and then without, as our users run Node, what is not the same then
// (test/support/once.js, in-children.js). The last line is the sum of all.
//   node scripts/test.js                            all but combinations (test/support/whole.js), and without gc() what collects
//   node scripts/test.js [Jest's own arguments]     what they choose, with all combinations, only with gc()
//   node scripts/test.js --once                     all, only without gc(): with another Node or Koffi than `npm test`

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { root, filesIn } = require('./tools.js');

const jest = path.join(root, 'node_modules/jest/bin/jest.js');
const BOTH = ['with', 'without'];
// What only starts processes and waits for them: with three files at a time two processors have something to do, and one may
// follow the other in a process of Jest's.
const ONCE = ['--maxWorkers=3', '--workerIdleMemoryLimit=8GB'];
// What looks for gc(), what is collected by itself, and what asks where memory is short. `npm run test:all` runs all without.
const COLLECTS = '--testMatch=<rootDir>/test/reclaim/{collect,gc,pressure}.test.js';
// What a compiler says of the typings, whatever runs the compiler: asked where all combinations are.
const SAME_EVERYWHERE =
  process.env.FFI_TALLY_TEST_WHOLE === 'no' ? ['--testPathIgnorePatterns=test/types/compile'] : [];
// Each process would read more certificates when it starts, which takes longer than all the rest. What the tests download,
// scripts/nodes.js, has them by the other name.
const { NODE_EXTRA_CA_CERTS: certificates } = process.env;
const fewCertificates = { NODE_EXTRA_CA_CERTS: undefined, FFI_TALLY_TEST_CA_CERTS: certificates };
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

function runJest(nodeArgs, jestArgs, output, env) {
  const results = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-test-'));
  const outputFile = path.join(results, 'result.json');
  const { status } = spawnSync(
    process.execPath,
    [...nodeArgs, jest, ...jestArgs, '--json', `--outputFile=${outputFile}`],
    // Jest prints to stderr; on stdout, the summary shall not overtake it.
    { cwd: root, stdio: ['ignore', output, output], env: { ...process.env, ...fewCertificates, ...env } },
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

/** The runs of Jest, as [title, arguments of Node, arguments of Jest, environment]. */
function runsOf(jestArgs, passes) {
  const files = once();
  const areAll = jestArgs.every((arg) => arg.startsWith('-'));
  const isShort = areAll && passes === BOTH;
  const env = isShort ? { FFI_TALLY_TEST_WHOLE: 'no' } : {};
  const nodeArgs = (gc) => (gc === 'with' ? ['--expose-gc'] : []);
  const others = [
    ...jestArgs,
    '--passWithNoTests',
    ...files.map((file) => `--testPathIgnorePatterns=${file}`),
  ];
  const again = isShort ? [...others, COLLECTS] : others;
  const runs = passes.map((gc, before) =>
    before > 0
      ? [`${gc} gc()`, nodeArgs(gc), again, { ...env, FFI_TALLY_TEST_CHILDREN: 'have run' }]
      : [`${gc} gc()`, nodeArgs(gc), areAll ? others : jestArgs, env],
  );
  const matches = files.map((file) => `--testMatch=<rootDir>/${file}`);
  const first = ['what runs once', nodeArgs(passes[0]), [...jestArgs, ...ONCE, ...matches], env];
  return areAll ? [first, ...runs] : runs;
}

/**
 * Runs what Jest's arguments choose 'with' gc(), 'without', or one after the other: the second leaves out what would be the
 * same. `output` is a file descriptor. Returns { passed, failed, skipped, failures }.
 */
function runSuite(jestArgs, passes, output = 1) {
  require('../test/support/build.js')();
  const runs = runsOf(jestArgs, passes).map(([title, nodeArgs, args, env]) => {
    fs.writeSync(output, `\n# jest on Node ${process.version}, ${title}\n`);
    return runJest(nodeArgs, args, output, env);
  });
  const sum = (key) => runs.reduce((total, run) => total + run[key], 0);
  return {
    ...{ passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') },
    failures: runs.flatMap(({ failures }) => failures),
  };
}

function main(args) {
  const [passes, jestArgs] =
    args[0] === '--once'
      ? [['without'], [...SAME_EVERYWHERE, ...args.slice(1)]]
      : [args.length === 0 ? BOTH : ['with'], args];
  const { passed, failed, skipped, failures } = runSuite(jestArgs, passes);
  for (const { file, test } of failures) console.log(`FAILED: ${file}: ${test}`);
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exitCode = failed > 0 ? 1 : 0;
}

if (require.main === module) main(process.argv.slice(2));

module.exports = { BOTH, runSuite };
