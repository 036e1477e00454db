'use strict';
// In a memory cgroup or with a limit on the process: argv says what to do. Prints JSON.

const { subscribe } = require('node:diagnostics_channel');
const { once } = require('node:events');
const fs = require('node:fs');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { collect, configure, stats, track } = require('../../../lib');
const koffi = require('koffi');

const [what, limit] = process.argv.slice(2);
const libc = koffi.load('libc.so.6');
const malloc = libc.func('void *malloc(size_t size)');
const memset = libc.func('void *memset(void *p, int c, size_t size)');
const free = libc.symbol('free');

if (limit !== undefined && what !== 'lowered')
  configure({ limit: limit === 'auto' ? 'auto' : Number(limit), scope: 'process' });

function make(size, bytes = 8 << 20) {
  const address = malloc(bytes);
  memset(address, 1, bytes);
  return track(address, { size, free, label: 'block' });
}

const SIZES = { right: 8 << 20, zero: 0, small: 800, huge: 8e10 };
/** Has the kernel's limit changed while the program runs, and waits until it is in force. */
function follow(file, bytes) {
  fs.writeFileSync(file, String(bytes));
  while (stats({ scope: 'process' }).memory.limit !== bytes) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
}

const kept = [];
let error;
let majors;

/** Another thread, that has a pointer and then nothing to do. */
async function startIdle() {
  const worker = new Worker(__filename, { argv: ['idle'] });
  await once(worker, 'message');
  worker.unref();
}

/** How many major collections there are until what grows is refused. */
function majorsUntilRefused() {
  let majors = 0;
  subscribe('ffi-tally:gc', ({ type }) => (majors += type === 'major' ? 1 : 0));
  try {
    for (;;) kept.push(make(8 << 20));
  } catch (caught) {
    if (caught.code !== 'ERR_TALLY_LIMIT') throw caught;
  }
  return majors;
}

/**
 * Of ten times, how often the first collection for what nobody has said is a major one, where those for what was said have
 * paid and more pointers are alive than the last time.
 */
function firstMajors() {
  let first = null;
  subscribe('ffi-tally:gc', ({ type }) => (first ??= type));
  for (let i = 0; i < 3000; i++) kept.push(track(malloc(8), { size: 8, free }));
  collect();
  let majors = 0;
  for (let time = 0; time < 10; time++) {
    for (let i = 0; i < 200; i++) kept.push(track(malloc(8), { size: 8, free }));
    for (let i = 0; i < 100; i++) track(malloc(8), { size: 1 << 20, free });
    for (first = null; first === null;) make(0);
    if (first === 'major') majors++;
  }
  return majors;
}

/** How many collections are major ones where small blocks come and go above large ones that stay. */
function majorsAbove() {
  for (let i = 0; i < 128; i++) kept.push(make(0, 1 << 20));
  collect();
  let majors = 0;
  subscribe('ffi-tally:gc', ({ type }) => (majors += type === 'major' ? 1 : 0));
  for (let i = 0; i < 12288; i++) make(0, 64 << 10);
  return majors;
}

function run() {
  // What lets go of a cache may collect, in the middle of making room.
  if (what === 'cache') configure({ onPressure: () => ((kept.length = 0), collect()) });
  if (what === 'cache') for (let i = 0; i < 100; i++) kept.push(make(8 << 20));
  if (what === 'lowered') {
    track(malloc(8), { size: 8, free }); // the process is looked at from here on
    follow(limit, 192 << 20);
  }
  if (what === 'live' || what === 'lowered') for (;;) kept.push(make(8 << 20));
  if (what === 'mixed') majors = firstMajors();
  if (what === 'above') majors = majorsAbove();
  if (what === 'beside') majors = majorsUntilRefused();
  if (what in SIZES) for (let i = 0; i < 100; i++) make(SIZES[what]);
}

async function main() {
  if (what === 'beside') await startIdle();
  try {
    run();
  } catch (caught) {
    error = { code: caught.code, message: caught.message };
  }
  const { memory } = stats({ scope: 'process' });
  console.log(
    JSON.stringify({ peak: process.resourceUsage().maxRSS * 1024, kept: kept.length, majors, error, memory }),
  );
}

if (isMainThread) {
  main();
} else {
  kept.push(make(8 << 20));
  parentPort.on('message', () => {}); // so that it does not end
  parentPort.postMessage('ready');
}
