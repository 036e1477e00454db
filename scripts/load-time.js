'use strict';
// How long it takes to load the library, beside Koffi and beside an empty program: processor time in processes of their
// own, taken in turns. Judged is the least, which other programs disturb least: require('ffi-tally') may take 15 ms more than
// require('koffi').
//   node scripts/load-time.js [ROUNDS]

const { spawnSync } = require('node:child_process');
const { root } = require('./tools.js');

const MOST = 15;
const WAYS = ['koffi', 'ffi-tally', 'ffi-tally/koffi'];

function load(name) {
  const code = `const before = process.cpuUsage();
    require(${JSON.stringify(name)});
    const { user, system } = process.cpuUsage(before);
    console.log((user + system) / 1000);`;
  return Number(spawnSync(process.execPath, ['--eval', code], { cwd: root, encoding: 'utf8' }).stdout);
}

const times = WAYS.map(() => []);
for (let round = Number(process.argv[2] ?? 15); round > 0; round--) {
  WAYS.forEach((name, at) => times[at].push(load(name)));
}
const least = times.map((values) => Math.min(...values));
WAYS.forEach((name, at) => console.log(`${name.padEnd(16)} ${least[at].toFixed(1)} ms`));
const [koffi, own] = least;
console.log(`ffi-tally takes ${(own - koffi).toFixed(1)} ms more than Koffi (at most ${MOST})`);
process.exitCode = own - koffi <= MOST ? 0 : 1;
