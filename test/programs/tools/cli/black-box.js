'use strict';
// Holds memory, with a black box, until it is killed or ends as argv says.

const koffi = require('koffi');
const { configure, track } = require('../../../../lib');
const { readBlackBox } = require('../../../../lib/tools/cli/post-mortem.js');

const [box, end, bytes = 0] = process.argv.slice(2);
configure({ blackBox: box });
const libc = koffi.load('libc.so.6');
const malloc = libc.func('void *malloc(size_t size)');
const free = libc.symbol('free');
const memset = libc.func('void *memset(void *p, int c, size_t size)');
const make = (label, size) => track(malloc(size), { size, free, label });

const kept = (globalThis.kept = []); // nothing else keeps it until the exit
for (let i = 0; i < 40; i++) kept.push(make('cache', 1_000_000));
kept.push(make('a "small" one', 1000));
function spin(milliseconds) {
  for (const until = Date.now() + milliseconds; Date.now() < until;) make('garbage', 1000);
}
while (readBlackBox(box)?.state?.accounts[0]?.pointers !== 40) spin(10); // until it is written
if (end === 'spin') {
  console.log('ready');
  for (const parent = process.ppid; process.ppid === parent;) spin(1000); // a test that is killed leaves none behind
}
if (end === 'oom') {
  const PIECE = 4_000_000;
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (let grown = 0; grown < Number(bytes); grown += PIECE) {
    memset(malloc(PIECE), 1, PIECE); // behind our back
    const { time } = readBlackBox(box).state;
    while (readBlackBox(box).state.time === time) Atomics.wait(nothing, 0, 0, 1); // what takes all at once leaves no trace
  }
}
if (end === 'crash') memset(1n, 1, 1);
