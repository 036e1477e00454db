'use strict';
// Runs the acceptance script on every runtime, with every Koffi and with every backend that it supports, and prints a
// table.
//   node scripts/matrix.js [--jest] [--stress] [runtime ...]      runtime: a major version of Node, bun or deno
//     --jest     under each Node the whole Jest suite as well, under one of them with Koffi 2 too
//     --stress   under each Node with those flags of V8, too, that make it collect more often or in other ways

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { installRuntime } = require('./nodes.js');
const { root } = require('./tools.js');

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
const KOFFI_2_ON = '20';

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
  const suite = { argv: ['scripts/test.js'], what: 'suite' };
  return [
    { argv: script },
    { argv: script, koffi: 'koffi2' },
    { argv: script, backend: 'javascript' },
    ...(withStress ? stressOn(runtime).map((flag) => ({ argv: [flag, ...script], what: flag })) : []),
    ...(withJest ? [suite] : []),
    ...(withJest && runtime === KOFFI_2_ON ? [{ ...suite, koffi: 'koffi2' }] : []),
  ];
}

function koffiVersion(name) {
  return JSON.parse(fs.readFileSync(path.join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
}

function attempt(runtime, { argv, koffi = 'koffi', backend = 'native', what = 'acceptance' }) {
  const start = Date.now();
  const row = { runtime, koffi: koffiVersion(koffi), backend, what };
  try {
    const env = { ...process.env, FFI_TALLY_TEST_KOFFI: koffi, FFI_TALLY_BACKEND: backend };
    if (what === 'suite') delete env.FFI_TALLY_BACKEND; // it tries both
    const { status, signal, stdout, stderr } = spawnSync(installRuntime(runtime), argv, {
      cwd: root,
      env,
      encoding: 'utf8',
      timeout: 30 * 60_000,
      maxBuffer: 1 << 30,
    });
    row.result = status === 0 ? 'passed' : `FAILED (${signal ?? status})`;
    row.lastLine = stdout.trimEnd().split('\n').at(-1).slice(0, 60);
    if (status !== 0)
      console.error(`\n# ${runtime}, koffi ${row.koffi}, ${backend}, ${what}\n${stdout}${stderr}`);
  } catch (error) {
    row.result = 'FAILED';
    console.error(error.message);
  }
  row.seconds = Math.round((Date.now() - start) / 100) / 10;
  console.error(`${runtime} koffi ${row.koffi} ${backend} ${what}: ${row.result}`);
  return row;
}

require('../test/support/build.js')();

const rows = runtimes.flatMap((runtime) => attemptsOn(runtime).map((one) => attempt(runtime, one)));
console.table(rows);
process.exitCode = rows.every((row) => row.result === 'passed') ? 0 : 1;
