'use strict';

const { collect, memoryUsage, reportExternal, stats, track } = require('../lib');
const { expectBalance } = require('./support/balance.js');
const things = require('./support/things.js');

const MIB = 2 ** 20;

beforeEach(things.reset);
afterEach(expectBalance);

test('is process.memoryUsage(), and more', () => {
  const usage = memoryUsage();
  for (const name of Object.keys(process.memoryUsage())) expect(usage[name]).toBeGreaterThanOrEqual(0);
  expect(Object.keys(usage)).toEqual(
    expect.arrayContaining(['tracked', 'reported', 'counter', 'allocator', 'untracked']),
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

test('reported is what V8 has been told, and counter is its own, Buffers included', () => {
  collect();
  const before = memoryUsage();
  const pointer = track(1n, { size: 20 * MIB, free: null });
  const after = memoryUsage();
  expect(after.reported).toBe(20 * MIB);
  expect(after.reported).toBe(stats().reported);
  expect(after.counter - before.counter).toBe(20 * MIB);
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

test('the true counter shows what process.memoryUsage().external does not', () => {
  // Fact, not wish: this is why `counter` exists.
  const pointer = track(1n, { size: 30 * MIB, free: null });
  const usage = memoryUsage();
  expect(usage.counter).toBeGreaterThanOrEqual(30 * MIB);
  expect(usage.external).toBeLessThan(30 * MIB);
  pointer.dispose();
});
