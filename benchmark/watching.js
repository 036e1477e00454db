'use strict';
// What it costs to watch a program: a pointer that may be traced, or its use, a call under the audit, 100 MB under a profile,
// a snapshot, and the program under `ffi-tally check`; and what it costs when nobody does. Processor time, which a busy machine
// distorts less than hours and minutes; medians of rounds that take turns. Two minutes, half of them for snapshots.
//   node benchmark/watching.js

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const build = require('./build');
const median = require('./median');
const { blocksLibrary } = require('./paths');

const ROUNDS = 5;
const FEW_ROUNDS = 3; // of what takes a quarter of a minute each time
const root = path.join(__dirname, '..');
const register = path.join(root, 'lib/tools/record/register.js');
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-watching-'));

const libc = `
  const koffi = require('koffi');
  const libc = koffi.load(process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6');`;

/** Nanoseconds of processor time for one call: `code` declares call(). */
const calls = (code) => `
  ${code}
  const BATCH = 20_000;
  const ENOUGH = 200_000; // microseconds
  const go = () => { for (let i = 0; i < BATCH; i++) call(); };
  go();
  const start = process.cpuUsage();
  let time = 0;
  let count = 0;
  for (; time < ENOUGH; count += BATCH) {
    go();
    const { user, system } = process.cpuUsage(start);
    time = user + system;
  }
  console.log(JSON.stringify((time * 1000) / count));
`;

/** The same for a pointer that is tracked and disposed of. */
const pointers = calls(`
  const { track } = require('./lib');
  const options = { size: 100, free: null, label: 'thing' };
  const call = () => track(4096n, options).dispose();
`);

/** A call of C that uses a pointer. */
const uses = `${libc.replace("'koffi'", "'./lib/ffi/koffi'")}
  koffi.opaque('Block');
  koffi.owned('OwnedBlock', 'Block *', { free: 'free', size: 10 });
  const block = libc.func('OwnedBlock malloc(size_t bytes)')(10);
  const use = libc.func('int abs(Block *block)');
  const call = () => use(block);`;

/** Milliseconds of processor time for a heap snapshot beside a million pointers: V8's own, and with their bytes. */
const snapshot = (watched) => `
  const v8 = require('node:v8');
  const { track, writeHeapSnapshot } = require('./lib');
  const options = { size: 100, free: null, label: 'thing' };
  const kept = Array.from({ length: 1_000_000 }, () => track(4096n, options));
  const file = ${JSON.stringify(path.join(directory, 'x.heapsnapshot'))};
  const start = process.cpuUsage();
  ${watched ? 'writeHeapSnapshot(file)' : 'v8.writeHeapSnapshot(file)'};
  const { user, system } = process.cpuUsage(start);
  console.log(JSON.stringify((user + system) / 1000 / (kept.length / 1e6)));
`;

/** Milliseconds of processor time for 100 MB of native memory, made and freed: `code` declares make100MB(). */
const profiled = (code) => (watched) => `
  ${watched ? `require('./lib').startProfile();` : ''}
  const koffi = require('./lib/ffi/koffi');
  const lib = koffi.load(${JSON.stringify(blocksLibrary)});
  ${code}
  make100MB();
  const ROUNDS = 20;
  const start = process.cpuUsage();
  for (let i = 0; i < ROUNDS; i++) make100MB();
  const { user, system } = process.cpuUsage(start);
  console.log(JSON.stringify((user + system) / 1000 / ROUNDS));
`;
const byCalls = (bytes) => `
  const make = lib.func('void *block_new(size_t bytes)');
  const free = lib.func('void block_free(void *block)');
  const make100MB = () => { for (let i = 0; i < ${100e6 / bytes}; i++) free(make(${bytes})); };`;
const inC = (bytes) => `
  const pairs = lib.func('void block_pairs(size_t count, size_t bytes)');
  const make100MB = () => { for (let i = 0; i < 100; i++) pairs(${1e6 / bytes}, ${bytes}); };`;

/** Milliseconds of processor time, and MB resident: some work with JavaScript, an event loop and C. */
const work = `${libc}
  const abs = libc.func('int abs(int x)');
  let turns = 0;
  const turn = () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => ({ id: i, text: String(i) }));
    rows.sort((a, b) => (a.text < b.text ? -1 : 1)).forEach((row) => abs(row.id));
    if (++turns < 60) return setTimeout(turn, 20);
    const { user, system } = process.cpuUsage();
    console.log(JSON.stringify({ cpu: (user + system) / 1000, rss: process.memoryUsage.rss() / 1e6 }));
  };
  turn();
`;

function run(code, { recording, trace } = {}) {
  const env = { ...process.env };
  if (trace !== undefined) env.FFI_TALLY_TRACE = trace;
  if (recording !== undefined) {
    const file = path.join(directory, 'record.jsonl');
    fs.rmSync(file, { force: true });
    env.FFI_TALLY_RECORD = JSON.stringify({ file, interval: 100, ...recording });
  }
  const preload = recording === undefined ? [] : ['--require', register];
  const child = spawnSync(process.execPath, [...preload, '-e', code], { cwd: root, env, encoding: 'utf8' });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout);
}

function runs(code, watch, rounds = ROUNDS) {
  const plain = [];
  const watched = [];
  for (let round = 0; round < rounds; round++) {
    plain.push(run(typeof code === 'function' ? code(false) : code));
    watched.push(run(typeof code === 'function' ? code(true) : code, watch));
  }
  return [plain, watched];
}

const compare = (...args) => runs(...args).map(median);

/** A program that could be watched and is not: ended again, or never begun. */
const unwatched = (code, begin) => (wasWatched) => `${wasWatched ? begin : ''}${code}`;

const shown = (value) => value.toFixed(value < 100 ? 1 : 0).padStart(7);
const row = (name, [plain, watched], unit) =>
  console.log(
    `${name.padEnd(44)} ${shown(plain)} ${shown(watched)} ${(watched / plain).toFixed(2).padStart(7)} x  ${unit}`,
  );

build();
console.log(
  `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${os.cpus().length} x ${os.cpus()[0].model}\n`,
);
console.log(`${''.padEnd(44)} ${'plain'.padStart(7)} ${'watched'.padStart(7)}`);
const cheap = `${libc}
  const abs = libc.func('int abs(int x)'); const call = () => abs(-1);`;
const pair = `${libc}
  const malloc = libc.func('void *malloc(size_t bytes)');
  const free = libc.func('void free(void *block)');
  const call = () => free(malloc(100_000));`;
const leaky = `${libc}
  const malloc = libc.func('void *malloc(size_t bytes)');
  const call = () => malloc(100);`;
for (const [share, trace] of [
  ['1 in 1000', '0.001'],
  ['1 in 100', '0.01'],
  ['all', '1'],
]) {
  row(`trace, ${share}: track() and dispose()`, compare(pointers, { trace }), 'ns');
}
row('trace, all: a call that uses a pointer', compare(calls(uses), { trace: '1' }), 'ns');
row(
  'trace, off again: a call that uses a pointer',
  compare(
    unwatched(
      calls(uses),
      "const { configure } = require('./lib'); configure({ trace: 1 }); require('./lib').track(1n, { size: 1, free: null }); configure({ trace: 0 });",
    ),
  ),
  'ns',
);
row(
  'profile, stopped: malloc() and free() of 100 KB',
  compare(unwatched(calls(pair), "require('./lib').startProfile().stop();")),
  'ns',
);
const audited = { recording: { audit: true } };
row('audit: a call of abs()', compare(calls(cheap), audited), 'ns');
row('audit: malloc() and free() of 100 KB', compare(calls(pair), audited), 'ns');
row('audit: malloc() of 100 bytes, not freed', compare(calls(leaky), audited), 'ns');
for (const [what, code] of [
  ['100 MB by calls, 64 KB each', byCalls(64_000)],
  ['100 MB by calls, 4 KB each', byCalls(4000)],
  ['100 MB in C, 1 KB each', inC(1000)],
  ['100 MB in C, 100 bytes each', inC(100)],
]) {
  row(`profile: ${what}`, compare(profiled(code)), 'ms');
}
row('snapshot beside 1e6 pointers', compare(snapshot, undefined, FEW_ROUNDS), 'ms');
const checked = { recording: { audit: false } };
const checks = runs(work, checked);
const only = (name) => checks.map((values) => median(values.map((value) => value[name])));
row('check: processor time of 60 turns', only('cpu'), 'ms');
row('check: resident at the end', only('rss'), 'MB');
fs.rmSync(directory, { recursive: true });
