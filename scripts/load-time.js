'use strict';
// How long it takes to load the packed package where Koffi has been loaded, and to own the first pointer: processor time, in
// processes of their own, taken in turns. Judged is the least, which other programs disturb least: require('ffi-tally') may
// take 15 ms.
//   node scripts/load-time.js [ROUNDS [NODE]]

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { root } = require('./tools.js');

const MOST = 15;
const FIRST = `
  koffi.owned('Block', 'void *', { free: 'free', size: (address, bytes) => bytes });
  const libc = koffi.load(process.platform === 'win32' ? 'ucrtbase.dll' : process.platform === 'darwin' ? 'libSystem.dylib' : null);
  libc.func('Block malloc(size_t bytes)')(1000).dispose();`;
// What is measured, after what is not.
const WAYS = {
  koffi: ['', `require('koffi')`],
  'ffi-tally': [`require('koffi')`, `require('ffi-tally')`],
  'ffi-tally/koffi': [`require('koffi')`, `require('ffi-tally/koffi')`],
  'ffi-tally/koffi and a first pointer': [
    `require('koffi')`,
    `const koffi = require('ffi-tally/koffi'); ${FIRST}`,
  ],
};

const [rounds = 41, node = process.execPath] = process.argv.slice(2);
const project = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-load-time-'));

/** As npm would do, but with the binary that was built here. */
function install() {
  const installed = path.join(project, 'node_modules/ffi-tally');
  const built = path.join(root, 'build/Release/ffi_tally.node');
  const args = ['pack', root, '--pack-destination', project, '--json', '--silent'];
  const [{ filename }] = JSON.parse(
    execFileSync('npm', args, { encoding: 'utf8', shell: path.sep === '\\' }),
  );
  fs.mkdirSync(path.join(installed, 'build/Release'), { recursive: true });
  execFileSync('tar', ['-xzf', filename, '-C', installed, '--strip-components=1'], { cwd: project });
  fs.copyFileSync(built, path.join(installed, 'build/Release/ffi_tally.node'));
  fs.symlinkSync(path.join(root, 'node_modules/koffi'), path.join(project, 'node_modules/koffi'), 'junction');
}

function measure([before, code]) {
  const program = `${before}; const before = process.cpuUsage(); ${code};
    const { user, system } = process.cpuUsage(before); console.log((user + system) / 1000);`;
  return Number(execFileSync(node, ['--eval', program], { cwd: project, encoding: 'utf8' }));
}

try {
  install();
  const times = Object.fromEntries(Object.keys(WAYS).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, way] of Object.entries(WAYS)) times[name].push(measure(way));
  }
  for (const [name, all] of Object.entries(times)) {
    all.sort((a, b) => a - b);
    const median = all[all.length >> 1];
    console.log(`${name.padEnd(36)} ${all[0].toFixed(1).padStart(5)} ms, median ${median.toFixed(1)} ms`);
  }
  process.exitCode = times['ffi-tally'][0] <= MOST ? 0 : 1;
} finally {
  fs.rmSync(project, { recursive: true });
}
