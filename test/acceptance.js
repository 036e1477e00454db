'use strict';
// The main promises, on whatever runtime, backend and Koffi this is run with, and with V8's collector under stress;
// scripts/matrix.js does so for all of them. How many collections that takes is asserted in reclaim/gc.test.js. What a
// runtime cannot do must be what docs/runtimes.md says. Needs nothing but node:assert. Prints one line of JSON with what it
// measured; ends non-zero when a promise is broken.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { isMainThread, parentPort, workerData } = require('node:worker_threads');

const koffiName = process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi';
const raw = require(koffiName);
const tally = require('../lib');
const koffi = require('../lib/ffi/koffi/with-ownership.js').withOwnership(raw);

const { canPatch } = require('../lib/binding');
const { libc: libcName, mac, windows } = require('./support/platform.js');
const { eventually, exitMain, expectTable, nothingLeft } = require('./support/capabilities.js');

const { bun, deno, node } = process.versions;
const runtime = bun ? 'Bun' : deno ? 'Deno' : 'Node';
const { backend } = tally.stats();
const MIB = 2 ** 20;
const LIMIT = 256 * MIB;

/** The most that was resident, in bytes, as the kernel counts it. */
function peakRss() {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(fs.readFileSync('/proc/self/status', 'utf8'));
    return Number(kilobytes) * 1024;
  } catch {
    const { maxRSS } = process.resourceUsage();
    // libuv before 1.45, which is Node 18, gives what macOS does: bytes.
    return mac && Number(process.versions.uv.split('.')[1]) < 45 ? maxRSS : maxRSS * 1024;
  }
}

async function expectNothingLeft(where) {
  await nothingLeft();
  const { bytes, pointers, manual, reported, dead } = tally.stats();
  assert.deepEqual(
    { bytes, pointers, manual, reported, dead },
    { bytes: 0, pointers: 0, manual: 0, reported: 0, dead: { bytes: 0, pointers: 0 } },
    where,
  );
}

// Every page is written to, or the kernel would not give us any.
function seedCase(name, size) {
  const COUNT = 1000;
  const SIZE = 8 * MIB;
  const libc = koffi.load(libcName);
  koffi.owned(name, 'void *', { free: 'free', size });
  const malloc = libc.func(`${name} malloc(size_t size)`);
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

async function afterSeedCase({ COUNT, before, counter, measured }) {
  await expectNothingLeft('after the seed case');
  const { totals, collections } = tally.stats();
  assert.equal(totals.tracked - before.tracked, COUNT);
  assert.equal(totals.disposed + totals.collected - before.disposed - before.collected, COUNT);
  assert.equal(totals.failed, 0);
  const moved = Math.abs(tally.memoryUsage().counter - counter);
  assert.ok(moved < MIB, `V8's counter is off by ${moved} bytes`);
  const { minor, major } = collections;
  return { ...measured, minor, major };
}

// Had V8 heard of 64 MiB, it would mark for them, again and again, and minor collections would find little dead.
function besideAHeap() {
  if (backend !== 'native' || runtime !== 'Node') return;
  const heap = Array.from({ length: 100_000 }, (_, i) => ({ i, list: [i], text: `x${i}` }));
  const libc = koffi.load(libcName);
  koffi.owned('OwnedBesideHeap', 'void *', { free: 'free', size: (address, bytes) => Number(bytes) });
  const malloc = libc.func('OwnedBesideHeap malloc(size_t size)');
  const memset = libc.func('void *memset(void *memory, int value, size_t size)');
  for (let i = 0; i < 3; i++) tally.collect(); // V8 sets its limits by them
  for (let i = 0; i < 150; i++) {
    memset(malloc(8 * MIB), 1, 8 * MIB);
    const { bytes, reported } = tally.stats();
    assert.ok(bytes <= LIMIT, `${bytes} bytes were tracked at once beside a heap`);
    assert.ok(reported < 64 * MIB, `${reported} bytes were reported of what died young`);
  }
  assert.equal(heap.length, 100_000);
}

async function belowZero() {
  const { counter } = tally.memoryUsage();
  for (const delta of [-1, -1n, -(2 ** 40), Number.MIN_SAFE_INTEGER]) {
    assert.throws(() => tally.reportExternal(delta), { name: 'RangeError', code: 'ERR_TALLY_UNBALANCED' });
  }
  assert.equal(tally.reportExternal(1000), 1000);
  assert.throws(() => tally.reportExternal(-1001), { code: 'ERR_TALLY_UNBALANCED' });
  assert.equal(tally.reportExternal(-1000), 0);
  const moved = Math.abs(tally.memoryUsage().counter - counter);
  assert.ok(moved < MIB / 4, `V8's counter is off by ${moved} bytes`);
  await expectNothingLeft('after reportExternal()');
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

async function boundArguments() {
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
  await nothingLeft();
  expectCounters({ made: 101, freed: 101, live: 0 }, 'bound arguments');

  if (windows) virtualMemory();
  else mappedMemory();
  await expectNothingLeft('after bound arguments');
}

function mappedMemory() {
  koffi.owned('Mapping', 'void *', {
    free: { symbol: 'munmap', args: [tally.POINTER, tally.SIZE] },
    size: (address, hint, bytes) => Number(bytes),
  });
  const mmap = koffi
    .load(libcName)
    .func('Mapping mmap(void *hint, size_t bytes, int prot, int flags, int fd, long offset)');
  // As a path, "/". Below qemu the pages of a mapping stay.
  const memset = raw.load(libcName).func('void *memset(void *memory, int value, size_t size)');
  const access = raw.load(libcName).func('int access(void *path, int mode)');
  const mapping = mmap(null, MIB, 3, mac ? 0x1002 : 0x22, -1, 0);
  const { address } = mapping;
  memset(address, 0x2f, 1);
  assert.equal(access(address, 0), 0, 'mapped');
  mapping.dispose();
  assert.equal(access(address, 0), -1, 'unmapped');
}

function virtualMemory() {
  const MEM_COMMIT = 0x1000;
  const MEM_RESERVE = 0x2000;
  const MEM_RELEASE = 0x8000;
  const MEM_FREE = 0x10000;
  const PAGE_READWRITE = 4;
  koffi.owned('Allocation', 'void *', {
    free: { symbol: 'VirtualFree', args: [tally.POINTER, 0, MEM_RELEASE] },
    size: (address, hint, bytes) => Number(bytes),
  });
  const allocate = koffi
    .load('kernel32.dll')
    .func('Allocation VirtualAlloc(void *hint, size_t bytes, uint32_t type, uint32_t protection)');
  const query = raw
    .load('kernel32.dll')
    .func('size_t VirtualQuery(void *address, _Out_ uint8_t *information, size_t bytes)');
  const stateOf = (address) => {
    const information = Buffer.alloc(48); // MEMORY_BASIC_INFORMATION, State at 32
    assert.equal(Number(query(address, information, information.length)), information.length);
    return information.readUInt32LE(32);
  };
  const allocation = allocate(null, MIB, MEM_COMMIT + MEM_RESERVE, PAGE_READWRITE);
  const { address } = allocation;
  assert.equal(stateOf(address), MEM_COMMIT);
  allocation.dispose();
  assert.equal(stateOf(address), MEM_FREE);
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
  kept.pop().dispose();
  await eventually(() => tally.stats().pointers === 1);
  assert.equal(Number(counter('freed')), 11, 'freed after unload()');
  kept.length = 0;
  await nothingLeft();
  assert.equal(Number(counter('freed')), 12, 'freed after unload() and a collection');
  assert.equal(Number(counter('double_frees')), 0);
  await expectNothingLeft('after unload()');
}

async function asynchronousCalls() {
  koffi.owned('SlowThing', 'void *', { free: 'thing_free', size: 100 });
  const library = koffi.load(counting);
  const sum = library.func('int thing_sum_slow(void *thing, int ms)');
  reset();
  const result = await new Promise((resolve, reject) => {
    const thing = library.func('SlowThing thing_new(size_t bytes)')(100);
    sum.async(thing, 20, (error, value) => (error ? reject(error) : resolve(value)));
    thing.dispose();
  });
  assert.notEqual(result, -1);
  await expectNothingLeft('after an asynchronous call');
  expectCounters({ made: 1, freed: 1, live: 0 }, 'an asynchronous call');
}

async function main() {
  // First, for the peak that the kernel knows is that of the process. In JavaScript alone it would take all there is.
  const sized = () => seedCase('OwnedMem', (address, bytes) => Number(bytes));
  const measured = backend === 'native' ? await afterSeedCase(sized()) : {};
  // A preloaded allocator is not the one that Koffi finds in the C library: nobody counts that.
  if (canPatch && process.env.LD_PRELOAD === undefined) {
    const { peakTracked, peakRss } = await afterSeedCase(seedCase('CountedMem', undefined));
    if (runtime === 'Node') assert.ok(peakTracked <= 128e6, `${peakTracked} bytes without a size`);
    Object.assign(measured, { peakCounted: peakTracked, peakRss });
  }
  besideAHeap();
  await expectNothingLeft('beside a heap');
  await belowZero();
  await boundArguments();
  await unload();
  await asynchronousCalls();
  const can = await expectTable(backend === 'native' ? runtime : `${runtime}, no binary`);
  await expectNothingLeft('in the end');
  const cannot = Object.keys(can).filter((what) => can[what] === 'no');
  const versions = { runtime: `${runtime} ${bun ?? deno ?? node}`, koffi: raw.version, backend };
  console.log(JSON.stringify({ ...versions, ...measured, cannot }));
}

if (!isMainThread) {
  workerMain();
} else if (process.argv.includes('at exit')) {
  exitMain(koffi, libcName);
} else {
  main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
}
