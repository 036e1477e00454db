'use strict';
// Runs the suite as `npm test` does, again and again, while two processes keep the processors busy, and lists what failed,
// by file and test, and how often. What a run that failed has printed is kept in build/flaky/.
//   node scripts/flaky.js [runs] [-- Jest's own arguments]      20 runs, unless it is said

const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { root } = require('./tools.js');
const { BOTH, runSuite } = require('./test.js');

const BUSY = 2;
const directory = path.join(root, 'build/flaky');

/** Processes that compute until they are killed, or their parent is. */
function keepBusy() {
  const code = 'const parent = process.ppid; while (process.ppid === parent);';
  return Array.from({ length: BUSY }, () => spawn(process.execPath, ['-e', code], { stdio: 'ignore' }));
}

/** The failures of one run, each once; prints how it went. */
function runOnce(number, runs, jestArgs) {
  const file = path.join(directory, `run-${number}.log`);
  const output = fs.openSync(file, 'w');
  const start = Date.now();
  const { passed, failed, failures } = runSuite(jestArgs, BOTH, output);
  fs.closeSync(output);
  const seconds = Math.round((Date.now() - start) / 1000);
  const good = failed === 0 && passed > 0;
  if (good) fs.rmSync(file);
  const where = good ? '' : `; see ${path.relative(process.cwd(), file)}`;
  console.log(`run ${number} of ${runs}: ${passed} passed, ${failed} failed, ${seconds} s${where}`);
  const names = new Set(failures.map(({ file: name, test }) => `${name}: ${test}`));
  return good || names.size > 0 ? names : new Set(['no test ran, or Jest itself failed']);
}

function main(args) {
  const split = args.includes('--') ? args.indexOf('--') : args.length;
  const [count = '20', ...more] = args.slice(0, split);
  const runs = Number(count);
  if (!(Number.isInteger(runs) && runs > 0) || more.length > 0) {
    console.error("usage: node scripts/flaky.js [runs] [-- Jest's own arguments]");
    return false;
  }
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true });
  const counts = new Map();
  const busy = keepBusy();
  try {
    for (let number = 1; number <= runs; number++) {
      for (const name of runOnce(number, runs, args.slice(split + 1))) {
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    }
  } finally {
    for (const child of busy) child.kill();
  }
  const rows = [...counts].sort(([, a], [, b]) => b - a);
  console.log(rows.length === 0 ? `Nothing failed in ${runs} runs.` : '\nFAILED');
  for (const [name, times] of rows) console.log(`${String(times).padStart(4)} x  ${name}`);
  return rows.length === 0;
}

process.exitCode = main(process.argv.slice(2)) ? 0 : 1;
