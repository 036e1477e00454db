'use strict';

const { collect, memoryUsage, reportExternal, stats, track } = require('../../lib');
const { expectBalance, expectCounted, settledCounter } = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const inChildren = require('../support/in-children.js');
const { allocator } = require('../support/exact.js');
const { stranger } = require('../support/build.js')();
const things = require('../support/things.js');

const MIB = 2 ** 20;

beforeEach(things.reset);
afterEach(expectBalance);

test('is process.memoryUsage(), and more', () => {
  const usage = memoryUsage();
  for (const name of Object.keys(process.memoryUsage())) expect(usage[name]).toBeGreaterThanOrEqual(0);
  expect(Object.keys(usage)).toEqual(
    expect.arrayContaining(['tracked', 'reported', 'counter', 'allocator', 'untracked', 'terms']),
  );
});

test('tracked is what the ledger carries, with what was charged by hand', () => {
  const pointer = track(1n, { size: 1000, free: null });
  reportExternal(24);
  expect(memoryUsage().tracked).toBe(1024);
  reportExternal(-24);
  expect(memoryUsage().tracked).toBe(1000);
  pointer.dispose();
  expect(memoryUsage().tracked).toBe(0);
});

test('reported is what V8 has been told, and counter is its own, Buffers included', async () => {
  const before = await settledCounter();
  const pointer = track(1n, { size: 20 * MIB, free: null });
  collect(); // before that, V8 hears of all of it
  const after = memoryUsage();
  expect(after.reported).toBe(20 * MIB);
  expect(after.reported).toBe(stats().reported);
  expectCounted(before, 20 * MIB);
  const buffer = new ArrayBuffer(3 * MIB);
  expect(memoryUsage().counter - after.counter).toBe(buffer.byteLength);
  pointer.dispose();
  expect(memoryUsage()).toMatchObject({ reported: 0, tracked: 0 });
});

// glibc 2.33 and macOS say what the allocator has; elsewhere it is undefined.
const knowsAllocator = memoryUsage().allocator !== undefined;
const testAllocator = knowsAllocator ? test : test.skip;

test('without figures of the allocator there is no guess', () => {
  const { allocator, untracked } = memoryUsage();
  if (!knowsAllocator) expect(untracked).toBe(undefined);
  else expect(Object.keys(allocator).sort()).toEqual(['held', 'inUse']);
  if (process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime) return;
  expect(knowsAllocator).toBe(true);
});

testAllocator('native memory that nobody tracks is untracked', () => {
  const before = memoryUsage();
  const address = things.make(100 * MIB);
  const after = memoryUsage();
  // V8 allocates and frees meanwhile, too.
  expect(after.allocator.inUse - before.allocator.inUse).toBeGreaterThan(90 * MIB);
  expect(after.untracked - before.untracked).toBeGreaterThan(90 * MIB);
  const pointer = track(address, { size: 100 * MIB, free: things.FREE });
  expect(memoryUsage().untracked).toBeLessThan(before.untracked + 10 * MIB);
  pointer.dispose();
  expect(memoryUsage().allocator.inUse).toBeLessThan(before.allocator.inUse + 10 * MIB);
});

testAllocator('untracked is never below zero', () => {
  const pointer = track(1n, { size: 2 ** 50, free: null });
  expect(memoryUsage().untracked).toBe(0);
  pointer.dispose();
});

const sum = (terms) => Object.values(terms).reduce((total, bytes) => total + (bytes ?? 0), 0);

test('the terms add up to rss', () => {
  const check = () => {
    const { rss, terms, untracked } = memoryUsage();
    expect(sum(terms)).toBe(rss);
    expect(terms.untracked).toBe(untracked);
    for (const [name, bytes] of Object.entries(terms)) {
      if (name !== 'rest' && bytes !== undefined) expect([name, bytes >= 0]).toEqual([name, true]);
    }
  };
  check();
  const pointer = track(1n, { size: 2 ** 40, free: null });
  check();
  pointer.dispose();
  check();
});

// On Linux malloc can be another than glibc's.
const preloaded = (library, code) => runChild(code, { env: { LD_PRELOAD: library } });
const testLinux = process.platform === 'linux' ? inChildren.test : test.skip;
const print = 'console.log(JSON.stringify(require("./lib").memoryUsage()))';

testLinux('where malloc is a stranger, its terms are undefined, and the others add up', async () => {
  const child = await preloaded(stranger, print);
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  const { allocator, untracked, rss, terms } = JSON.parse(child.stdout);
  expect([allocator, untracked]).toEqual([undefined, undefined]);
  expect(Object.keys(terms)).toEqual(['heap', 'tracked', 'buffers', 'rest']);
  expect(sum(terms)).toBe(rss);
});

testLinux('where malloc is that of jemalloc, the figures are too', async () => {
  const jemalloc = allocator('libjemalloc.so.2');
  if (jemalloc === undefined) return;
  const child = await preloaded(
    jemalloc,
    `const { memoryUsage, track } = require('./lib');
     const koffi = require('./lib/ffi/koffi');
     const before = memoryUsage();
     const block = koffi.alloc('char', 2 ** 26);
     const after = memoryUsage();
     console.log(JSON.stringify([before, after]));`,
  );
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  const [before, after] = JSON.parse(child.stdout);
  expect(after.allocator.inUse - before.allocator.inUse).toBeGreaterThanOrEqual(60 * MIB);
  expect(after.terms.untracked - before.terms.untracked).toBeGreaterThanOrEqual(60 * MIB);
  expect(sum(after.terms)).toBe(after.rss);
});

// Each plants 100 MiB in a process of its own, and says by how many MiB each term has moved.
inChildren.describe('100 MiB show in the right term and in no other', () => {
  const names =
    'BYTES, POINTER, SIZE, freed, kept, libc, malloc, many, mapped, planted, touched, track, trim';
  const prelude = `const { ${names} } = require('./test/programs/figures/terms.js');`;
  const plants = {
    'malloc, untracked': ['planted(() => touched(malloc(BYTES)))', { untracked: 100 }],
    'malloc, tracked': [
      `planted(() => track(touched(malloc(BYTES)), { size: BYTES, free: libc.symbol('free') }))`,
      { tracked: 100 },
    ],
    'tracked and seen through a view': [
      `planted(() => track(touched(malloc(BYTES)), { size: BYTES, free: libc.symbol('free') }).view())`,
      { tracked: 100 },
    ],
    'mmap, tracked': [
      // Beside as much that is untracked: what is subtracted wrongly shows, instead of ending at 0.
      `kept.push(malloc(BYTES));
       planted(() => track(mapped(), { size: BYTES, free: { address: libc.symbol('munmap'), args: [POINTER, SIZE] } }))`,
      { tracked: 100 },
    ],
    'mmap, untracked': ['planted(mapped)', { rest: 100 }],
    'a Buffer': ['planted(() => Buffer.alloc(BYTES, 1))', { buffers: 100 }],
    'a SharedArrayBuffer': [
      'planted(() => new Uint8Array(new SharedArrayBuffer(BYTES)).fill(1))',
      { buffers: 100 },
    ],
    'JavaScript objects': [
      'planted(() => Array.from({ length: 100 }, () => Array(2 ** 17).fill(null)))',
      { heap: 100 },
    ],
    'many blocks, held': ['planted(many)', { untracked: 100 }],
    'many blocks, freed but kept by the allocator': [
      'planted(freed, many())',
      { untracked: -100, fragmentation: 100 },
    ],
    'many blocks, freed and trimmed': [
      `const above = freed(many());
       planted(() => console.log(trim() / 2 ** 20));`,
      { fragmentation: -100 },
    ],
    'asked for and not touched': ['planted(() => malloc(BYTES))', { untracked: 100, rest: -100 }],
  };
  const still = { heap: 0, tracked: 0, buffers: 0, untracked: 0, fragmentation: 0, rest: 0 };

  // By a tenth of what was planted: V8 and Node allocate meanwhile, too.
  const about = (terms) =>
    Object.fromEntries(Object.entries(terms).map(([name, moved]) => [name, Math.round(moved / 20) * 20 + 0]));

  for (const [name, [code, expected]] of Object.entries(plants)) {
    testAllocator(name, async () => {
      const { stdout, ...rest } = await runChild(`${prelude}\n${code}`);
      expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
      const lines = stdout.trim().split('\n').map(JSON.parse);
      expect(about(lines.pop())).toEqual({ ...still, ...expected });
      for (const trimmed of lines) expect(Math.abs(trimmed - 100)).toBeLessThan(10);
    });
  }
});

inChildren.test('what other threads track is in the terms, but not in the books of this one', async () => {
  const child = await runChild('test/programs/figures/threads-terms.js');
  expect(child).toEqual({ code: 0, signal: null, stdout: '[300,5300,300]\n', stderr: '' });
});

test('the true counter shows what process.memoryUsage().external does not', () => {
  // Fact, not wish: this is why `counter` exists.
  const pointer = track(1n, { size: 30 * MIB, free: null });
  collect();
  const usage = memoryUsage();
  expect(usage.counter).toBeGreaterThanOrEqual(30 * MIB);
  expect(usage.external).toBeLessThan(30 * MIB);
  pointer.dispose();
});
