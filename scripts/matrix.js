'use strict';
// Runs the acceptance script on every runtime, with every Koffi and with every backend that it supports, and prints a
// table.
//   node scripts/matrix.js [--jest] [--stress] [runtime ...]      runtime: a major version of Node, bun or deno
//     --jest     under each Node the Jest suite as well, under one of them with Koffi 2: the acceptance script tries all pairs of
//                both. The suite runs once, without gc(), as our users run Node: `npm test` has it with gc(). How the library
//                finds gc(), which is all that differs, the tests try in children on every Node (reclaim/collect). What users
//                read and run, README and examples, is tried on the oldest Node, on the newest and on that of `npm test`; the
//                combinations that `npm test` leaves out (test/support/whole.js) on the oldest and on the newest
//     --stress   under each Node with those flags of V8, too, that make it collect more often or in other ways

const fs = require('node:fs');
const path = require('node:path');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const { installRuntime } = require('./nodes.js');
const { root, inParallel } = require('./tools.js');

const execute = promisify(execFile);

const supported = ['18', '20', '22', '24', '26', 'bun', 'deno'];

// Builds for users know others, such as --gc-interval, and do nothing with them.
const STRESS = [
  '--stress-compaction',
  '--stress-scavenge=10',
  '--stress-marking=10',
  '--gc-global',
  '--single-threaded-gc',
  '--max-semi-space-size=1',
];
const stressOn = (node) => (Number(node) >= 24 ? [...STRESS, '--minor-ms'] : STRESS);
const KOFFI_2_ON = '22';
const IN_BETWEEN = ['22', '24'];

const args = process.argv.slice(2);
const withJest = args.includes('--jest');
const withStress = args.includes('--stress');
const wanted = args.filter((arg) => !arg.startsWith('--'));
const runtimes = wanted.length > 0 ? wanted : supported;

/** What is run on `runtime`: the script's arguments, the Koffi and the backend. */
function attemptsOn(runtime) {
  const script = ['test/acceptance.js'];
  if (runtime === 'bun') return [{ argv: script }];
  if (runtime === 'deno') return [{ argv: ['run', '--allow-all', ...script] }];
  const suite = {
    argv: [
      ...['scripts/test.js', '--once'],
      ...(IN_BETWEEN.includes(runtime) ? ['--testPathIgnorePatterns=test/(readme|examples)\\.test'] : []),
    ],
    koffi: runtime === KOFFI_2_ON ? 'koffi2' : 'koffi',
    what: 'suite',
    env: IN_BETWEEN.includes(runtime) ? { FFI_TALLY_TEST_WHOLE: 'no' } : {},
  };
  return [
    { argv: script },
    { argv: script, koffi: 'koffi2' },
    { argv: script, backend: 'javascript' },
    ...(withStress ? stressOn(runtime).map((flag) => ({ argv: [flag, ...script], what: flag })) : []),
    ...(withJest ? [suite] : []),
  ];
}

function koffiVersion(name) {
  return JSON.parse(fs.readFileSync(path.join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
}

async function attempt(
  runtime,
  { argv, koffi = 'koffi', backend = 'native', what = 'acceptance', env: more = {} },
) {
  const start = Date.now();
  const row = { runtime, koffi: koffiVersion(koffi), backend, what };
  const env = { ...process.env, FFI_TALLY_TEST_KOFFI: koffi, FFI_TALLY_BACKEND: backend, ...more };
  if (what === 'suite') delete env.FFI_TALLY_BACKEND; // it tries both
  const options = { cwd: root, env, timeout: 30 * 60_000, maxBuffer: 1 << 30 };
  try {
    const { stdout } = await execute(installRuntime(runtime), argv, options);
    row.result = 'passed';
    row.lastLine = stdout.trimEnd().split('\n').at(-1).slice(0, 60);
  } catch (error) {
    row.result = `FAILED (${error.signal ?? error.code ?? 'not run'})`;
    console.error(`\n# ${runtime}, koffi ${row.koffi}, ${backend}, ${what}\n${error.stdout ?? ''}`);
    console.error(error.stderr ?? error.message);
  }
  row.seconds = Math.round((Date.now() - start) / 100) / 10;
  console.error(`${runtime} koffi ${row.koffi} ${backend} ${what}: ${row.result}`);
  return row;
}

async function main() {
  require('../test/support/build.js')();
  const attempts = runtimes.flatMap((runtime) => attemptsOn(runtime).map((one) => [runtime, one]));
  const isSuite = ([, { what }]) => what === 'suite';
  // The script keeps one processor busy, the suite all.
  const scripts = attempts.filter((each) => !isSuite(each));
  const rows = await inParallel(scripts, (each) => attempt(...each));
  for (const each of attempts.filter(isSuite)) rows.push(await attempt(...each));
  console.table(rows);
  process.exitCode = rows.every(({ result }) => result === 'passed') ? 0 : 1;
}

main();
