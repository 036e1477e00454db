'use strict';

const { collect, configure, meteredAllocator, stats } = require('../../lib');
const { errorOf } = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const inChildren = require('../support/in-children.js');
const { koffi } = require('../support/things.js');
const platform = require('../support/platform.js');

const seen = (wanted) => stats().meters.find(({ label }) => label === wanted);

const proto = (text) => koffi.proto(text);
const Malloc = proto('void *metered_malloc(size_t bytes)');
const Calloc = proto('void *metered_calloc(size_t count, size_t size)');
const Realloc = proto('void *metered_realloc(void *block, size_t bytes)');
const Free = proto('void metered_free(void *block)');
const Single = proto('void *metered_single(void *context, void *block, size_t old, size_t bytes)');
const pointer = (address) =>
  koffi.type === undefined ? koffi.decode(new BigUint64Array([address]), 'void *') : address;
const call = (address, prototype, ...args) => koffi.call(pointer(address), prototype, ...args);

test('functions by address, frozen, and the same for the same label', () => {
  const meter = meteredAllocator({ label: 'same' });
  expect(Object.isFrozen(meter)).toBe(true);
  const { label, checked, ...functions } = meter;
  expect({ label, checked }).toEqual({ label: 'same', checked: false });
  for (const address of Object.values(functions)) expect(address > 0n).toBe(true);
  expect(new Set(Object.values(functions)).size).toBe(Object.keys(functions).length);
  expect(meteredAllocator({ label: 'same' })).toEqual(meter);
  expect(stats().meters.filter((entry) => entry.label === 'same')).toHaveLength(1);
  expect(meteredAllocator({ label: 'another' }).malloc).not.toBe(meter.malloc);
});

test('bytes, blocks, the peak, and all that ever was', () => {
  const meter = meteredAllocator({ label: 'counts' });
  const a = call(meter.malloc, Malloc, 1000);
  const { bytes: one } = seen('counts');
  expect(one).toBeGreaterThanOrEqual(1000);
  expect(one).toBeLessThan(1100);
  const b = call(meter.calloc, Calloc, 100, 100);
  const both = seen('counts').bytes;
  expect(both - one).toBeGreaterThanOrEqual(10_000);
  expect(seen('counts')).toMatchObject({ blocks: 2, peakBytes: both, allocatedBytes: both, allocations: 2 });
  expect(stats().outside).toBe(both);
  call(meter.free, Free, a);
  call(meter.free, Free, null);
  const c = call(meter.realloc, Realloc, b, 100);
  expect(seen('counts').blocks).toBe(1);
  expect(seen('counts').bytes).toBeLessThan(200);
  call(meter.realloc, Realloc, c, 0);
  expect(call(meter.single, Single, null, null, 0, 0)).toBe(null);
  call(meter.single, Single, null, call(meter.single, Single, null, null, 0, 50), 50, 0);
  expect(seen('counts')).toMatchObject({ bytes: 0, blocks: 0, peakBytes: both, allocations: 4, foreign: 0 });
  expect(stats().outside).toBe(0);
});

test('what cannot be had is NULL and not counted', () => {
  const meter = meteredAllocator({ label: 'none' });
  const huge = 2 ** 52;
  const before = call(meter.malloc, Malloc, 10);
  expect(call(meter.malloc, Malloc, huge)).toBe(null);
  expect(call(meter.calloc, Calloc, huge, huge)).toBe(null);
  expect(call(meter.realloc, Realloc, before, huge)).toBe(null);
  expect(seen('none')).toMatchObject({ blocks: 1, allocations: 1 });
  call(meter.free, Free, before);
  expect(seen('none')).toMatchObject({ bytes: 0, blocks: 0 });
});

test('the books carry it, V8 hears of it, the limit counts it', () => {
  const meter = meteredAllocator({ label: 'charged' });
  const before = stats();
  const size = 200 * 2 ** 20;
  const block = call(meter.malloc, Malloc, size);
  const { outside, peakBytes } = stats();
  expect(outside - before.outside).toBeGreaterThanOrEqual(size);
  expect(peakBytes).toBeGreaterThanOrEqual(size);
  collect();
  expect(stats().reported - before.reported).toBeGreaterThan(0);
  configure({ limit: size });
  const { track } = require('../../lib');
  const refused = errorOf(() => track(1n, { size: 2 ** 20, free: null }));
  expect(refused.code).toBe('ERR_TALLY_LIMIT');
  configure({ limit: Infinity });
  call(meter.free, Free, block);
  expect(stats().outside).toBe(before.outside);
  collect();
  expect(stats().reported).toBe(before.reported);
});

test('the hook came too late: told, and the total does not go below zero', () => {
  const meter = meteredAllocator({ label: 'late' });
  const libc = koffi.load(platform.libc);
  const malloc = libc.func('void *malloc(size_t bytes)');
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  call(meter.free, Free, malloc(5000));
  expect(seen('late')).toMatchObject({ bytes: 0, blocks: 0, foreign: 1 });
  // What comes after is seen in full.
  const block = call(meter.malloc, Malloc, 1000);
  expect(seen('late')).toMatchObject({ blocks: 1, foreign: 1 });
  expect(seen('late').bytes).toBeGreaterThanOrEqual(1000);
  call(meter.free, Free, block);
  expect(seen('late')).toMatchObject({ bytes: 0, blocks: 0, foreign: 1 });
  expect(warn.mock.calls).toMatchObject([
    [expect.stringContaining(`'late'`), { code: 'FFI_TALLY_FOREIGN_FREE' }],
  ]);
  warn.mockRestore();
});

describe('checked', () => {
  const { channel } = require('node:diagnostics_channel');
  const reports = [];
  const listen = (report) => reports.push(report);
  beforeAll(() => channel('ffi-tally:foreign-free').subscribe(listen));
  afterAll(() => channel('ffi-tally:foreign-free').unsubscribe(listen));
  beforeEach(() => reports.splice(0));

  const mine = meteredAllocator({ label: 'mine', checked: true });
  const yours = meteredAllocator({ label: 'yours', checked: true });
  const addressOf = (block) => (typeof block === 'bigint' ? block : koffi.address(block));

  test('freed twice: reported, and not done', () => {
    const block = call(mine.malloc, Malloc, 100);
    call(mine.free, Free, block);
    call(mine.free, Free, block);
    expect(seen('mine')).toMatchObject({ bytes: 0, blocks: 0, foreign: 1 });
    expect(reports).toEqual([
      { address: addressOf(block), freedBy: 'mine', allocatedBy: 'mine', again: true },
    ]);
  });

  test("another's: reported with both labels, freed, and given back where it was charged", () => {
    const block = call(mine.malloc, Malloc, 100);
    const { foreign } = seen('yours');
    call(yours.free, Free, block);
    expect(seen('mine')).toMatchObject({ bytes: 0, blocks: 0 });
    expect(seen('yours')).toMatchObject({ bytes: 0, blocks: 0, foreign: foreign + 1 });
    expect(reports).toEqual([
      { address: addressOf(block), freedBy: 'yours', allocatedBy: 'mine', again: false },
    ]);
  });

  test("nobody's: reported, and left alone", () => {
    const stranger = Buffer.alloc(64, 7);
    call(mine.free, Free, stranger);
    expect(call(mine.realloc, Realloc, stranger, 1000)).toBe(null);
    seen('mine');
    expect(reports).toMatchObject([
      { freedBy: 'mine', allocatedBy: undefined, again: false },
      { freedBy: 'mine', allocatedBy: undefined, again: false },
    ]);
    expect(stranger.equals(Buffer.alloc(64, 7))).toBe(true);
    expect(seen('mine')).toMatchObject({ bytes: 0, blocks: 0 });
  });

  test('realloc keeps the block when there is no more memory, and knows it still', () => {
    const block = call(mine.malloc, Malloc, 100);
    expect(call(mine.realloc, Realloc, block, 2 ** 52)).toBe(null);
    expect(seen('mine').blocks).toBe(1);
    call(mine.free, Free, block);
    seen('mine');
    expect(reports).toEqual([]);
    expect(seen('mine')).toMatchObject({ bytes: 0, blocks: 0 });
  });

  test('many blocks, in any order', () => {
    const blocks = Array.from({ length: 5000 }, (_, i) => call(mine.malloc, Malloc, i % 300));
    for (let i = 0; i < blocks.length; i++) {
      const j = (i * 2503) % blocks.length; // every one once: 2503 and 5000 have no common divisor
      call(mine.free, Free, blocks[j]);
    }
    expect(seen('mine')).toMatchObject({ bytes: 0, blocks: 0 });
    expect(reports).toEqual([]);
  });
});

test('bad arguments', () => {
  const code = (options) => errorOf(() => meteredAllocator(options)).code;
  expect(code(undefined)).toBe('ERR_TALLY_INVALID_ARG_TYPE');
  expect(code({})).toBe('ERR_TALLY_INVALID_ARG_TYPE');
  expect(code({ label: '' })).toBe('ERR_TALLY_INVALID_ARG_TYPE');
  expect(code({ label: 'a\0b' })).toBe('ERR_TALLY_INVALID_ARG_VALUE');
  expect(code({ label: 'a', checked: 1 })).toBe('ERR_TALLY_INVALID_ARG_TYPE');
  expect(code({ label: 'a', check: true })).toBe('ERR_TALLY_UNKNOWN_OPTION');
  meteredAllocator({ label: 'plain' });
  expect(code({ label: 'plain', checked: true })).toBe('ERR_TALLY_INVALID_ARG_VALUE');
});

inChildren.describe('in a process of its own', () => {
  const run = async (program) => {
    expect(await runChild(program)).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  };

  test('33 labels are too many', () =>
    run(`
      const assert = require('node:assert');
      const { meteredAllocator } = require('./lib');
      for (let i = 0; i < 32; i++) meteredAllocator({ label: 'label ' + i });
      assert.throws(() => meteredAllocator({ label: 'one more' }), { code: 'ERR_TALLY_UNSUPPORTED' });
      meteredAllocator({ label: 'label 31' });
    `));

  test.each([
    ['allocated in a worker, freed after its end; and the other way round', 'meter-and-worker'],
    ['one environment is charged; when it ends, another', 'meter-one-charged'],
    ['threads that come and go while others read', 'meter-threads'],
    ['the functions stay when the worker that loaded the addon is gone', 'meter-after-worker'],
  ])('%s', (_, name) => run(`test/programs/figures/${name}.js`));
});
