'use strict';
// Runs the acceptance script on every Node we support, with every Koffi we support, and prints a table.
//   node scripts/matrix.js [--jest] [version ...]      --jest: the whole Jest suite under each Node as well

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { installNode } = require('./nodes.js');
const { root } = require('./tools.js');

const supported = ['18', '20', '22', '24', '26'];
const withKoffi2 = ['20'];

const args = process.argv.slice(2);
const withJest = args.includes('--jest');
const wanted = args.filter((arg) => arg !== '--jest');
const versions = wanted.length > 0 ? wanted : supported;

function koffiVersion(name) {
  return JSON.parse(fs.readFileSync(path.join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
}

function attempt(major, koffi, what, programArgs) {
  const start = Date.now();
  const row = { Node: major, koffi: koffiVersion(koffi), what };
  try {
    const node = installNode(major);
    row.Node = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
    const env = { ...process.env, FFI_TALLY_TEST_KOFFI: koffi };
    const { status, signal, stdout, stderr } = spawnSync(node, programArgs, {
      cwd: root,
      env,
      encoding: 'utf8',
      timeout: 30 * 60_000,
      maxBuffer: 1 << 30,
    });
    row.result = status === 0 ? 'passed' : `FAILED (${signal ?? status})`;
    row.lastLine = stdout.trimEnd().split('\n').at(-1).slice(0, 60);
    if (status !== 0) console.error(`\n# ${row.Node}, koffi ${row.koffi}, ${what}\n${stdout}${stderr}`);
  } catch (error) {
    row.result = 'FAILED';
    console.error(error.message);
  }
  row.seconds = Math.round((Date.now() - start) / 100) / 10;
  console.error(`${row.Node} koffi ${row.koffi} ${what}: ${row.result}`);
  return row;
}

require('../test/support/build.js')();

const rows = [];
for (const version of versions) {
  const koffis = withKoffi2.includes(version) ? ['koffi', 'koffi2'] : ['koffi'];
  for (const koffi of koffis) rows.push(attempt(version, koffi, 'acceptance', ['test/acceptance.js']));
  // With an argument of Jest's own, the suite runs once instead of twice.
  if (withJest) rows.push(attempt(version, 'koffi', 'jest', ['scripts/test.js', '--ci']));
}
console.table(rows);
process.exitCode = rows.every((row) => row.result === 'passed') ? 0 : 1;
