'use strict';

const { collect, configure, meteredAllocator, stats } = require('../../lib');
const { errorOf } = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const { koffi } = require('../support/things.js');

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
  const libc = koffi.load(process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6');
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

describe('in a process of its own', () => {
  const prelude = `
    const assert = require('node:assert');
    const { once } = require('node:events');
    const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
    const koffi = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');
    const { meteredAllocator, stats } = LIBRARY;
    koffi.load(null); // without a library, Koffi 3.3 crashes in koffi.call() in a worker
    const pointer = (address) =>
      koffi.type === undefined ? koffi.decode(new BigUint64Array([address]), 'void *') : address;
    const Malloc = koffi.proto('void *metered_malloc(size_t bytes)');
    const Free = koffi.proto('void metered_free(void *block)');
    const malloc = (address, bytes) => {
      const block = koffi.call(pointer(address), Malloc, bytes);
      return typeof block === 'bigint' ? block : koffi.address(block);
    };
    const free = (address, block) => koffi.call(pointer(address), Free, pointer(block));
    const seen = () => stats().meters.find(({ label }) => label === 'it');
  `;
  const withLibrary = prelude.replace('LIBRARY', `require('./lib')`);
  const run = async (code, before = withLibrary) => {
    expect(await runChild(before + code)).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  };

  test('33 labels are too many', () =>
    run(`
      for (let i = 0; i < 32; i++) meteredAllocator({ label: 'label ' + i });
      assert.throws(() => meteredAllocator({ label: 'one more' }), { code: 'ERR_TALLY_UNSUPPORTED' });
      meteredAllocator({ label: 'label 31' });
    `));

  const worker = `
    const meter = meteredAllocator({ label: 'it' });
    for (const block of workerData.free) free(meter.free, block);
    parentPort.postMessage({ blocks: Array.from({ length: workerData.count }, () => malloc(meter.malloc, 1000)), malloc: meter.malloc, free: meter.free });
  `;
  const start = `
    const start = async (free, count) => {
      const worker = new Worker(${JSON.stringify(withLibrary + worker)}, { eval: true, workerData: { free, count } });
      // Both from the start: the end of a worker may be told in the same breath as its last message.
      const [[answer]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
      return answer;
    };
  `;

  test('allocated in a worker, freed after its end; and the other way round', () =>
    run(`${start}
      (async () => {
        const theirs = await start([], 100);
        // Nobody here has asked for the meter yet: its functions work nevertheless.
        for (const block of theirs.blocks.splice(0, 50)) free(theirs.free, block);
        const meter = meteredAllocator({ label: 'it' });
        assert.strictEqual(meter.free, theirs.free);
        assert.strictEqual(seen().blocks, 50);
        assert.strictEqual(stats().outside, seen().bytes);
        const ours = Array.from({ length: 100 }, () => malloc(meter.malloc, 2000));
        await start([...theirs.blocks, ...ours], 0);
        const { bytes, blocks, foreign, allocations } = seen();
        assert.deepStrictEqual({ bytes, blocks, foreign, allocations }, { bytes: 0, blocks: 0, foreign: 0, allocations: 200 });
        assert.strictEqual(stats().outside, 0);
      })();
    `));

  test('one environment is charged; when it ends, another', () =>
    run(`
      (async () => {
        const worker = new Worker(${JSON.stringify(`${withLibrary}
          const meter = meteredAllocator({ label: 'it' });
          malloc(meter.malloc, 1000);
          parentPort.postMessage(stats().outside);
          parentPort.once('message', () => {});
        `)}, { eval: true });
        const [theirs] = await once(worker, 'message');
        assert(theirs >= 1000);
        meteredAllocator({ label: 'it' });
        assert.strictEqual(seen().bytes, theirs);
        assert.strictEqual(stats().outside, 0);
        worker.postMessage('end');
        await once(worker, 'exit');
        assert.strictEqual(stats().outside, theirs);
      })();
    `));

  test('threads that come and go while others read', () =>
    run(`${start}
      (async () => {
        const meter = meteredAllocator({ label: 'it' });
        for (let round = 0; round < 3; round++) {
          let done = false;
          const all = Promise.all([1, 2, 3].map(() => start([], 300))).then((answers) => { done = true; return answers; });
          while (!done) {
            const { blocks, bytes, foreign } = seen();
            assert(blocks >= 0 && bytes >= 0);
            assert.strictEqual(foreign, 0);
            await new Promise((resolve) => setImmediate(resolve));
          }
          for (const { blocks } of await all) for (const block of blocks) free(meter.free, block);
          const { bytes, blocks } = seen();
          assert.deepStrictEqual({ bytes, blocks }, { bytes: 0, blocks: 0 });
        }
      })();
    `));

  test('the functions stay when the worker that loaded the addon is gone', () =>
    run(
      `${start}
      (async () => {
        const { free: release, malloc: allocate, blocks } = await start([], 10);
        for (const block of blocks) free(release, block);
        free(release, malloc(allocate, 1000));
      })();
    `,
      prelude.replace('LIBRARY', '{}'),
    ));
});
