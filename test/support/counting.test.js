/** @jest-environment ./test/support/once.js */
'use strict';

const koffi = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');
const { runChild } = require('./child.js');
const { counting, counting2, counters, freedIds, reset } = require('./counting.js');

const lib = koffi.load(counting);
const make = lib.func('void *thing_new(size_t bytes)');
const free = lib.func('void thing_free(void *thing)');
const id = lib.func('int64_t thing_id(void *thing)');
const size = lib.func('size_t thing_size(void *thing)');
const enlarge = lib.func('void thing_enlarge(void *thing, size_t bytes)');
const grow = lib.func('void *thing_grow(void *thing, size_t bytes)');
const interior = lib.func('void *thing_interior(void *thing, size_t offset)');
const ownerId = lib.func('int64_t thing_owner_id(void *interior)');

const clean = { live: 0, live_bytes: 0, double_frees: 0, foreign_frees: 0, orphans: 0, freed_underfoot: 0 };

beforeEach(() => {
  reset();
  expect(counters()).toMatchObject(clean);
});

test('what is made and freed', () => {
  const a = make(1000);
  const b = make(10_000);
  expect(counters()).toMatchObject({ live: 2, live_bytes: 11_000, made: 2, freed: 0 });
  free(a);
  free(b);
  free(null);
  expect(counters()).toMatchObject({ ...clean, made: 2, freed: 2, peak_bytes: 11_000 });
});

test('sizes that cannot be had give NULL', () => {
  expect(make(0)).toBe(null);
  expect(make(2 ** 40 + 1)).toBe(null);
  expect(counters().made).toBe(0);
});

test('a double free is counted and changes nothing else', () => {
  const thing = make(100);
  free(thing);
  free(thing);
  expect(counters()).toMatchObject({ ...clean, freed: 1, double_frees: 1 });
});

test('a free of what was never ours is counted, whatever it points at', () => {
  const thing = make(100);
  free(interior(thing, 8));
  free(Buffer.alloc(100));
  expect(counters()).toMatchObject({ live: 1, foreign_frees: 2, double_frees: 0 });
  free(thing);
});

test('every excess free is counted even when addresses are used again', () => {
  const things = Array.from({ length: 1000 }, () => {
    free(make(64));
    return make(64);
  });
  const again = things.slice(0, 10);
  for (const thing of again) free(thing);
  things.push(...again.map(() => make(64)));
  for (const thing of things) free(thing);
  expect(counters()).toMatchObject({ live: 0, made: 2010, freed: 2010, double_frees: 10, foreign_frees: 0 });
});

test('the size given to a sized free', () => {
  const freeSized = lib.func('void thing_free_sized(void *thing, size_t size)');
  const [right, wrong] = [make(10), make(10)];
  freeSized(right, 10);
  freeSized(wrong, 11);
  expect(counters()).toMatchObject({ ...clean, size_mismatches: 1 });
});

test('the context given to a destructor that takes one', () => {
  const freeWith = lib.func('void thing_free_ctx(intptr_t context, void *thing)');
  freeWith(42, make(10));
  expect(counters()).toMatchObject({ ...clean, last_context: 42 });
});

test('a thing that grows stays the same thing; its old address is dead', () => {
  const small = make(100);
  const before = id(small);
  const large = grow(small, 10_000);
  expect(id(large)).toBe(before);
  expect(size(large)).toBe(10_000);
  expect(counters()).toMatchObject({ live: 1, live_bytes: 10_000, made: 1, freed: 0 });
  free(small);
  expect(counters().double_frees).toBe(1);
  free(large);
});

test('a thing that is enlarged stays where it is', () => {
  const thing = make(100);
  enlarge(thing, 5000);
  enlarge(thing, 5000);
  expect(size(thing)).toBe(10_100);
  free(thing);
  expect(counters()).toMatchObject({ ...clean, peak_bytes: 10_100 });
});

test('the living thing behind an interior pointer', () => {
  const thing = make(100);
  const inside = interior(thing, 99);
  expect(interior(thing, 100)).toBe(null);
  expect(ownerId(inside)).toBe(id(thing));
  free(thing);
  expect(ownerId(inside)).toBe(-1);
  expect(counters().freed_underfoot).toBe(1);
});

describe('parents', () => {
  const childNew = lib.func('void *child_new(void *parent, size_t bytes)');
  const childFree = lib.func('void child_free(void *child)');
  const parentFree = lib.func('void parent_free(void *parent)');

  test('freed after their children', () => {
    const parent = make(10);
    const children = [childNew(parent, 10), childNew(parent, 10)];
    children.forEach((child) => childFree(child));
    parentFree(parent);
    expect(counters()).toMatchObject({ ...clean, freed: 3 });
  });

  test('freed before them: orphans', () => {
    const parent = make(10);
    const children = [childNew(parent, 10), childNew(parent, 10)];
    parentFree(parent);
    children.forEach((child) => childFree(child));
    expect(counters()).toMatchObject({ ...clean, orphans: 2, freed: 3 });
  });
});

describe('a thing in use by C', () => {
  const prototype = koffi.proto('int counting_callback(void *thing, int value)');
  const call = lib.func('thing_call', 'int', ['void *', koffi.pointer(prototype), 'int']);
  const sumSlow = lib.func('int thing_sum_slow(void *thing, int ms)');
  const sleeping = lib.func('int count_sleeping()');
  const wake = lib.func('void wake_one()');
  const sumLater = (thing, ms) =>
    new Promise((resolve, reject) => {
      sumSlow.async(thing, ms, (error, sum) => (error ? reject(error) : resolve(sum)));
    });

  test('left alone', async () => {
    const thing = make(10_000);
    expect(call(thing, (_, value) => value + 1, 41)).toBe(42);
    expect(await sumLater(thing, 1)).toBe(3);
    free(thing);
    expect(counters()).toMatchObject(clean);
  });

  test('freed from its callback', () => {
    const thing = make(100);
    call(thing, () => (free(thing), 0), 0);
    expect(counters()).toMatchObject({ ...clean, freed_underfoot: 1 });
  });

  test('freed and made anew from its callback, at the same address perhaps', () => {
    const thing = make(100);
    let other;
    call(thing, () => (free(thing), (other = make(100)), 0), 0);
    expect(counters().freed_underfoot).toBe(1);
    free(other);
  });

  test('freed during an asynchronous call', async () => {
    const thing = make(100);
    const sum = sumLater(thing, -1);
    while (sleeping() === 0) await new Promise(setImmediate);
    free(thing);
    wake();
    expect(await sum).toBe(-1);
    expect(counters().freed_underfoot).toBe(1);
  });
});

test('out parameters', () => {
  const thingMake = lib.func('int thing_make(_Out_ void **out, size_t bytes)');
  const thingReplace = lib.func('int thing_replace(_Inout_ void **inout, size_t bytes)');
  const out = [null];
  expect(thingMake(out, 0)).toBe(1);
  expect(out).toEqual([null]);
  expect(thingMake(out, 100)).toBe(0);
  expect(thingReplace(out, 1000)).toBe(0);
  expect(counters()).toMatchObject({ live: 1, live_bytes: 1000 });
  free(out[0]);
  expect(counters()).toMatchObject(clean);
});

test('strings, with and without a place in the books', () => {
  const counted = lib.func('void *thing_text(size_t length)')(3);
  const uncounted = lib.func('char *text_new(size_t length)')(3);
  expect(koffi.decode(counted, 'char', 3)).toBe('xxx');
  expect(uncounted).toBe('xxx');
  expect(counters()).toMatchObject({ live: 1, live_bytes: 4 });
  free(counted);
});

test('the order of frees', () => {
  const things = [make(1), make(1), make(1)];
  const ids = things.map((thing) => id(thing));
  free(things[2]);
  free(things[0]);
  free(things[1]);
  expect(freedIds()).toEqual([ids[2], ids[0], ids[1]]);
});

test('a million things, and the books are still right', () => {
  const many = Array.from({ length: 1e6 }, () => make(16));
  expect(counters().live).toBe(1e6);
  for (const thing of many) free(thing);
  expect(counters()).toMatchObject({ ...clean, freed: 1e6 });
  expect(freedIds()).toHaveLength(65536);
});

test('the second copy has books of its own', () => {
  const other = koffi.load(counting2);
  const thing = other.func('void *thing_new(size_t bytes)')(100);
  expect(counters().made).toBe(0);
  other.func('void thing_free(void *thing)')(thing);
  expect(other.func('int64_t counter(const char *name)')('freed')).toBe(1);
});

test('threads do not disturb the count', async () => {
  const work = `
    const koffi = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');
    const lib = koffi.load(require('./test/support/counting.js').counting);
    const make = lib.func('void *thing_new(size_t bytes)');
    const free = lib.func('void thing_free(void *thing)');
    for (let i = 0; i < 1e5; i++) free(make(16 + (i % 64)));
  `;
  const code = `
    const { once } = require('node:events');
    const { Worker } = require('node:worker_threads');
    const { counters } = require('./test/support/counting.js');
    const workers = [1, 2, 3, 4].map(() => new Worker(${JSON.stringify(work)}, { eval: true }));
    Promise.all(workers.map((worker) => once(worker, 'exit'))).then(() => console.log(JSON.stringify(counters())));
  `;
  const child = await runChild(code);
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  expect(JSON.parse(child.stdout)).toMatchObject({ ...clean, made: 4e5, freed: 4e5 });
});
