'use strict';
// The main promises, on whatever runtime and Koffi this is run with; scripts/matrix.js does so for all of them. Needs
// nothing but node:assert. Prints one line of JSON with what it measured; ends non-zero when a promise is broken.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const koffiName = process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi';
const raw = require(koffiName);
const tally = require('../lib');
const koffi = require('../lib/koffi/with-ownership.js').withOwnership(raw);

const isKoffi2 = raw.type === undefined;
const MIB = 2 ** 20;
const LIMIT = 256 * MIB;
const libcName = process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6';

/** The most that was resident, in bytes, as the kernel counts it. */
function peakRss() {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(fs.readFileSync('/proc/self/status', 'utf8'));
    return Number(kilobytes) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

function expectNothingLeft(where) {
  const { bytes, pointers, manual, reported, dead } = tally.stats();
  assert.deepEqual(
    { bytes, pointers, manual, reported, dead },
    { bytes: 0, pointers: 0, manual: 0, reported: 0, dead: { bytes: 0, pointers: 0 } },
    where,
  );
}

// Every page is written to, or the kernel would not give us any.
function seedCase() {
  const COUNT = 1000;
  const SIZE = 8 * MIB;
  const libc = koffi.load(libcName);
  koffi.owned('OwnedMem', 'void *', { free: 'free', size: (address, bytes) => Number(bytes) });
  const malloc = libc.func('OwnedMem malloc(size_t size)');
  const memset = libc.func('void *memset(void *memory, int value, size_t size)');

  tally.collect();
  const { counter } = tally.memoryUsage();
  const before = tally.stats().totals;
  const start = process.hrtime.bigint();
  let peakTracked = 0;
  for (let i = 0; i < COUNT; i++) {
    const memory = malloc(SIZE);
    memset(memory, 1, SIZE);
    peakTracked = Math.max(peakTracked, tally.stats().bytes);
  }
  const milliseconds = Number(process.hrtime.bigint() - start) / 1e6;
  const rss = peakRss();
  assert.ok(peakTracked <= LIMIT, `${peakTracked} bytes were tracked at once`);
  assert.ok(rss <= LIMIT + 200 * MIB, `${rss} bytes were resident at once`);
  return {
    COUNT,
    before,
    counter,
    measured: { peakTracked, peakRss: rss, milliseconds: Math.round(milliseconds) },
  };
}

function afterSeedCase({ COUNT, before, counter, measured }) {
  tally.collect();
  expectNothingLeft('after the seed case');
  const { totals, collections } = tally.stats();
  assert.equal(totals.tracked - before.tracked, COUNT);
  assert.equal(totals.disposed + totals.collected - before.disposed - before.collected, COUNT);
  assert.equal(totals.failed, 0);
  const moved = Math.abs(tally.memoryUsage().counter - counter);
  assert.ok(moved < MIB, `V8's counter is off by ${moved} bytes`);
  const { minor, major } = collections;
  return { ...measured, minor, major };
}

function belowZero() {
  const { counter } = tally.memoryUsage();
  for (const delta of [-1, -1n, -(2 ** 40), Number.MIN_SAFE_INTEGER]) {
    assert.throws(() => tally.reportExternal(delta), { name: 'RangeError', code: 'ERR_TALLY_UNBALANCED' });
  }
  assert.equal(tally.reportExternal(1000), 1000);
  assert.throws(() => tally.reportExternal(-1001), { code: 'ERR_TALLY_UNBALANCED' });
  assert.equal(tally.reportExternal(-1000), 0);
  assert.equal(tally.memoryUsage().counter, counter);
  expectNothingLeft('after reportExternal()');
}

// The referee counts; the library under test does not judge itself.
const { counters, counting, counting2, reset } = require('./support/counting.js');
const faultless = { double_frees: 0, foreign_frees: 0, size_mismatches: 0, orphans: 0, freed_underfoot: 0 };

function expectCounters(expected, where) {
  const found = counters();
  for (const [name, value] of Object.entries({ ...faultless, ...expected })) {
    assert.equal(found[name], value, `${where}: ${name}`);
  }
}

function boundArguments() {
  const library = koffi.load(counting);
  const { POINTER, SIZE } = tally;
  koffi.owned('SizedThing', 'void *', {
    free: { symbol: 'thing_free_sized', args: [POINTER, SIZE] },
    size: (address, bytes) => Number(bytes),
  });
  const make = library.func('SizedThing thing_new(size_t bytes)');
  reset();
  make(100).dispose();
  (() => {
    for (let i = 1; i <= 100; i++) make(i * 1000);
  })();
  tally.collect();
  expectCounters({ made: 101, freed: 101, live: 0 }, 'bound arguments');

  const libc = koffi.load(libcName);
  koffi.owned('Mapping', 'void *', {
    free: { symbol: 'munmap', args: [POINTER, SIZE] },
    size: (address, hint, bytes) => Number(bytes),
  });
  const mmap = libc.func(
    'Mapping mmap(void *hint, size_t bytes, int prot, int flags, int fd, int64_t offset)',
  );
  const msync = raw.load(libcName).func('int msync(void *address, size_t bytes, int flags)');
  const flags = process.platform === 'darwin' ? 0x1002 : 0x22;
  const mapping = mmap(null, MIB, 3, flags, -1, 0);
  const { address } = mapping;
  assert.equal(msync(address, MIB, 1), 0, 'mapped');
  mapping.dispose();
  assert.equal(msync(address, MIB, 1), -1, 'unmapped');
  expectNothingLeft('after bound arguments');
}

function makeFamily(library) {
  koffi.owned('OwnedParent', 'void *', { free: 'parent_free', size: (address, bytes) => Number(bytes) });
  koffi.owned('OwnedChild', 'void *', {
    free: 'child_free',
    size: (address, parent, bytes) => Number(bytes),
    parent: 0,
  });
  const parentNew = library.func('OwnedParent parent_new(size_t bytes)');
  const childNew = library.func('OwnedChild child_new(void *parent, size_t bytes)');
  return (bytes) => childNew(parentNew(bytes), bytes);
}

function workerMain() {
  const make = makeFamily(koffi.load(counting));
  const kept = [];
  for (let i = 0; i < 100; i++) kept.push(make(10_000));
  globalThis.kept = kept;
  parentPort.postMessage('full');
  if (workerData === 'throw') throw new Error('on purpose');
  if (workerData === 'exit') process.exit(3);
  if (workerData === 'loop') for (;;) make(10_000);
}

async function workers() {
  // Koffi 2 itself aborts the process when a worker that is calling it is terminated.
  const ways = ['return', 'throw', 'exit', ...(isKoffi2 ? [] : ['loop'])];
  for (const way of ways) {
    reset();
    const worker = new Worker(__filename, { workerData: way, env: process.env });
    let thrown;
    worker.on('error', (error) => (thrown = error));
    const exited = new Promise((resolve) => worker.on('exit', resolve));
    // Not once(): it rejects when the error of a worker arrives before its message.
    const told = new Promise((resolve) => worker.on('message', resolve));
    await Promise.race([told, exited]);
    if (way === 'loop') await worker.terminate();
    await exited;
    assert.equal(thrown?.message, way === 'throw' ? 'on purpose' : undefined);
    const found = counters();
    assert.ok(found.made >= 200, way);
    // A thread that is stopped may just have got a thing from C that we had no chance to see.
    assert.ok(found.live <= (way === 'loop' ? 1 : 0), `${way}: ${found.live} things are left`);
    assert.ok(found.orphans <= found.live, `${way}: ${found.orphans} orphans`);
    assert.equal(found.double_frees + found.foreign_frees, 0, way);
  }
  expectNothingLeft('after the workers');
}

async function unload() {
  const library = koffi.load(counting2);
  const second = raw.load(counting2);
  const counter = second.func('int64_t counter(const char *name)');
  koffi.owned('SecondThing', 'void *', { free: 'thing_free', size: 100 });
  const make = library.func('SecondThing thing_new(size_t bytes)');
  const kept = [make(100), make(100)];
  (() => {
    for (let i = 0; i < 10; i++) make(100);
  })();
  library.unload();
  await turn();
  kept.pop().dispose();
  tally.collect();
  await turn();
  assert.equal(Number(counter('freed')), 11, 'freed after unload()');
  kept.length = 0;
  tally.collect();
  assert.equal(Number(counter('freed')), 12, 'freed after unload() and a collection');
  assert.equal(Number(counter('double_frees')), 0);
  expectNothingLeft('after unload()');
}

async function main() {
  // First, for the peak that the kernel knows is that of the process.
  const measured = afterSeedCase(seedCase());
  belowZero();
  boundArguments();
  await workers();
  await unload();
  const { bun, deno, node } = process.versions;
  const runtime = bun ? `bun ${bun}` : deno ? `deno ${deno}` : `node ${node}`;
  console.log(JSON.stringify({ runtime, koffi: raw.version, ...measured }));
}

if (isMainThread) {
  main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
} else {
  workerMain();
}
