'use strict';

const { collect, stats, track } = require('../../../lib');
const { boundByBudget, expectBalance, expectRefusal } = require('../../support/balance.js');
const { gcUntil } = require('../../support/gc-until.js');
const { declareThings, koffi, things } = require('./setup.js');
const { counters } = things;

beforeEach(things.reset);
afterEach(expectBalance);

const isDetached = (buffer) => buffer.byteLength === 0;

describe('tracked.view()', () => {
  test('is the memory itself', () => {
    const { make } = declareThings();
    const thing = make(64);
    const bytes = new Uint8Array(thing.view());
    expect(bytes).toHaveLength(64);
    bytes[5] = 42;
    expect(koffi.decode(thing, 5, 'uint8_t')).toBe(42);
    koffi.encode(thing, 6, 'uint8_t', 43);
    expect(bytes[6]).toBe(43);
    thing.dispose();
  });

  test('is made once', () => {
    const { make } = declareThings();
    const thing = make(64);
    expect(thing.view()).toBe(thing.view());
    expect(thing.view(64)).toBe(thing.view());
    expectRefusal(() => thing.view(32), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
    thing.dispose();
  });

  test('is detached when the owner is disposed: a use after free is an empty buffer', () => {
    const { make } = declareThings();
    const thing = make(64);
    const buffer = thing.view();
    const bytes = new Uint8Array(buffer);
    thing.dispose();
    expect(isDetached(buffer)).toBe(true);
    expect(bytes).toHaveLength(0);
    expect(bytes[0]).toBe(undefined);
    expectRefusal(() => thing.view(), ReferenceError, 'ERR_TALLY_DISPOSED');
  });

  test.each([
    ['koffi.free()', (thing) => koffi.free(thing)],
    ['release()', (thing) => things.free(thing.release())],
  ])('is detached by %s', (_, end) => {
    const { make } = declareThings();
    const thing = make(64);
    const buffer = thing.view();
    end(thing);
    expect(isDetached(buffer)).toBe(true);
  });

  test('is detached when C takes the pointer', () => {
    const { make, Owned, library } = declareThings();
    const take = library.func(`void thing_free(${Owned} thing)`);
    const thing = make(64);
    const buffer = thing.view();
    take(thing);
    expect(isDetached(buffer)).toBe(true);
  });

  test('keeps its owner alive', async () => {
    const { make } = declareThings();
    let bytes = (() => new Uint8Array(make(64).view()))();
    for (let i = 0; i < 3; i++) collect();
    await new Promise(setImmediate);
    collect();
    expect(counters().live).toBe(1);
    bytes[0] = 7;
    bytes = null;
    await gcUntil('owner and view are gone', () => (collect(), counters().live === 0));
    expect(counters()).toMatchObject({ freed: 1 });
  });

  test('is kept by its owner', () => {
    const { make } = declareThings();
    const thing = make(64);
    (() => new Uint8Array(thing.view()).fill(9))();
    collect();
    expect(new Uint8Array(thing.view())[63]).toBe(9);
    thing.dispose();
  });

  test('and owner, dropped together in a synchronous loop, hold memory down', () => {
    boundByBudget();
    const { make } = declareThings();
    (() => {
      for (let i = 0; i < 500; i++) new Uint8Array(make(2 ** 20).view())[0] = 1;
    })();
    collect();
    expect(counters()).toMatchObject({ made: 500, freed: 500 });
    expect(counters().peak_bytes).toBeLessThan(256 * 2 ** 20);
  });

  test('does not count its bytes twice', () => {
    const { make } = declareThings();
    const thing = make(8 * 2 ** 20);
    expect(stats().bytes).toBe(8 * 2 ** 20);
    const buffer = thing.view();
    expect(stats().bytes).toBe(8 * 2 ** 20);
    expect(buffer.byteLength).toBe(8 * 2 ** 20);
    thing.dispose();
    expect(stats()).toMatchObject({ bytes: 0, reported: 0 });
  });

  test('of a part', () => {
    const { make } = declareThings();
    const thing = make(64);
    expect(thing.view(16).byteLength).toBe(16);
    expect(thing.view().byteLength).toBe(16);
    thing.dispose();
  });

  test('of nothing', () => {
    const { make } = declareThings();
    const thing = make(64);
    expect(thing.view(0).byteLength).toBe(0);
    thing.dispose();
  });

  test.each([
    ['more than the size', 65, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['a negative length', -1, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['a fraction', 1.5, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['a string', '64', TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['null', null, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
  ])('refuses %s', (_, length, Class, code) => {
    const { make } = declareThings();
    const thing = make(64);
    expectRefusal(() => thing.view(length), Class, code);
    thing.dispose();
  });

  test('is emptied when the memory becomes smaller than it', () => {
    const { make } = declareThings();
    const thing = make(64);
    const buffer = thing.view();
    thing.resize(128);
    expect(buffer.byteLength).toBe(64);
    thing.resize(32);
    expect(isDetached(buffer)).toBe(true);
    expect(thing.view().byteLength).toBe(32);
    thing.resize(64);
    thing.dispose();
  });

  test('of a pointer into the memory of another', () => {
    const { make, T, library } = declareThings();
    const interior = library.func(`void *thing_interior(${T} *thing, size_t offset)`, { keeps: 0 });
    const thing = make(64);
    const inside = interior(thing, 32);
    new Uint8Array(thing.view())[32] = 99;
    expect(new Uint8Array(inside.view(32))[0]).toBe(99);
    inside.dispose();
    thing.dispose();
  });

  test('is no longer readable while the pointer waits for others to let go', () => {
    const { make, T, library } = declareThings();
    const interior = library.func(`void *thing_interior(${T} *thing, size_t offset)`, { keeps: 0 });
    const thing = make(64);
    const buffer = thing.view();
    const inside = interior(thing, 32);
    thing.dispose();
    expect(isDetached(buffer)).toBe(true);
    inside.dispose();
  });

  test('of one tracked by hand', () => {
    const pointer = track(things.make(16), { size: 16, free: things.FREE });
    expect(pointer.view().byteLength).toBe(16);
    pointer.dispose();
  });

  test('transferred elsewhere, it does not free or outlive anything', () => {
    const { make } = declareThings();
    const thing = make(64);
    const buffer = thing.view();
    try {
      structuredClone(buffer, { transfer: [buffer] });
    } catch {
      // Where external memory may not be moved.
    }
    thing.dispose();
    expect(counters()).toMatchObject({ freed: 1 });
  });

  test('ten thousand of them', () => {
    const { make } = declareThings();
    (() => {
      for (let i = 0; i < 10_000; i++) {
        const thing = make(64);
        thing.view();
        if (i % 2) thing.dispose();
      }
    })();
    collect();
    collect();
    expect(stats()).toMatchObject({ bytes: 0, reported: 0 });
  });
});

describe('koffi.view()', () => {
  test('of a tracked pointer is its view', () => {
    const { make } = declareThings();
    const thing = make(64);
    expect(koffi.view(thing, 64)).toBe(thing.view());
    thing.dispose();
    expectRefusal(() => koffi.view(thing, 64), ReferenceError, 'ERR_TALLY_DISPOSED');
  });

  test('of anything else is that of Koffi', () => {
    const block = koffi.alloc('char', 16);
    const bytes = new Uint8Array(koffi.view(block, 16));
    bytes[3] = 7;
    expect(koffi.decode(block, 3, 'uint8_t')).toBe(7);
    koffi.free(block);
  });
});
