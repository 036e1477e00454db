'use strict';

const { collect, stats } = require('../../../lib');
const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { gcUntil } = require('../../support/gc-until.js');
const { declareThings, koffi, things } = require('./setup.js');
const { counters } = things;

beforeEach(things.reset);
// Koffi keeps the arguments of an asynchronous call for some time.
afterEach(async () => {
  await gcUntil('all is freed', () => (collect(), counters().live === 0));
  await expectBalance();
});

describe('koffi.view()', () => {
  test('of a tracked pointer is its view', () => {
    const { make } = declareThings();
    (() => {
      const thing = make(64);
      expect(koffi.view(thing, 64)).toBe(thing.view());
      thing.dispose();
      expectRefusal(() => koffi.view(thing, 64), ReferenceError, 'ERR_TALLY_DISPOSED');
    })();
  });

  test('of anything else is that of Koffi', () => {
    const block = koffi.alloc('char', 16);
    const bytes = new Uint8Array(koffi.view(block, 16));
    bytes[3] = 7;
    expect(koffi.decode(block, 3, 'uint8_t')).toBe(7);
    koffi.free(block);
  });
});

test('what JavaScript writes there C reads, and the other way round', () => {
  const { make } = declareThings();
  (() => {
    const thing = make(64);
    const bytes = new Uint8Array(thing.view());
    bytes[5] = 42;
    expect(koffi.decode(thing, 5, 'uint8_t')).toBe(42);
    koffi.encode(thing, 6, 'uint8_t', 43);
    expect(bytes[6]).toBe(43);
  })();
});

test('the view of a pointer into the memory of another keeps that', () => {
  const { make, T, library } = declareThings();
  const interior = library.func(`void *thing_interior(${T} *thing, size_t offset)`, { keeps: 0 });
  (() => {
    const bytes = (() => {
      const thing = make(64);
      const inside = interior(thing, 32);
      new Uint8Array(thing.view())[32] = 99;
      const found = new Uint8Array(inside.view(32));
      inside.dispose();
      thing.dispose();
      return found;
    })();
    collect();
    expect(counters()).toMatchObject({ live: 1, freed: 0 });
    expect(bytes[0]).toBe(99);
  })();
  collect();
  expect(counters()).toMatchObject({ live: 0, freed: 1, orphans: 0 });
});

test('a destructor called by hand on a pointer with a view ends it, as dispose() does', () => {
  const { make, Owned, library } = declareThings();
  const free = library.func(`void thing_free(${Owned} thing)`);
  (() => {
    const thing = make(64);
    const bytes = new Uint8Array(thing.view()).fill(3);
    free(thing);
    expect(thing.disposed).toBe(true);
    expect(bytes[63]).toBe(3);
    const other = make(64);
    const otherBytes = new Uint8Array(other.view()).fill(4);
    koffi.free(other);
    expect(otherBytes[63]).toBe(4);
    expect(counters().freed).toBe(0);
  })();
  collect();
  expect(counters()).toMatchObject({ freed: 2, double_frees: 0 });
});

describe('C that gets the memory', () => {
  const taking = () => {
    const { make, Owned, library } = declareThings();
    return {
      make,
      take: library.func(`int64_t bytes_sum_slow(${Owned} thing, size_t length, int ms)`),
      grow: library.func(`int thing_replace(_Inout_ ${Owned} *thing, size_t bytes)`),
    };
  };

  test('finds the view emptied', () => {
    const { make, take } = taking();
    const thing = make(64);
    const buffer = thing.view();
    const part = thing.view(8);
    const address = thing.address;
    take(thing, 1, 0);
    expect([buffer.byteLength, part.byteLength]).toEqual([0, 0]);
    expect(stats().pointers).toBe(0);
    things.free(address);
  });

  test('to reallocate it, too', () => {
    const { make, grow } = taking();
    (() => {
      const thing = make(64);
      const buffer = thing.view();
      const box = [thing];
      expect(grow(box, 5000)).toBe(0);
      expect(buffer.byteLength).toBe(0);
      expect(box[0].view().byteLength).toBe(5000);
    })();
  });
});

test('an asynchronous call uses the bytes of a view whose pointer is disposed meanwhile', async () => {
  const { make, library } = declareThings();
  const sum = library.func('int64_t bytes_sum_slow(const uint8_t *bytes, size_t length, int ms)');
  const run = () => {
    const thing = make(1000);
    const bytes = new Uint8Array(thing.view()).fill(1);
    const result = new Promise((resolve, reject) => {
      sum.async(bytes, 1000, 20, (error, value) => (error ? reject(error) : resolve(value)));
    });
    thing.dispose();
    return result;
  };
  const running = run();
  collect();
  expect(counters().freed).toBe(0);
  expect(Number(await running)).toBe(1000);
});

test('an asynchronous call that uses a view keeps the pointer from being given away', async () => {
  const { make, library } = declareThings();
  const sum = library.func('int64_t bytes_sum_slow(const uint8_t *bytes, size_t length, int ms)');
  const thing = make(1000);
  const bytes = new Uint8Array(thing.view()).fill(1);
  const running = new Promise((resolve, reject) => {
    sum.async(bytes.subarray(10), 990, 20, (error, value) => (error ? reject(error) : resolve(value)));
  });
  expectRefusal(() => thing.release(), Error, 'ERR_TALLY_IN_USE');
  expect(Number(await running)).toBe(990);
  await new Promise(setImmediate);
  things.free(thing.release());
  expect(bytes).toHaveLength(0);
});

test('a callback that disposes of the pointer whose view C is using', () => {
  const { make, library } = declareThings();
  const proto = koffi.proto(`int Callback_${Date.now()}(void *thing, int value)`);
  const call = library.func('thing_call', 'int', ['void *', koffi.pointer(proto), 'int']);
  (() => {
    const thing = make(64);
    call(new Uint8Array(thing.view()), () => (thing.dispose(), 1), 0);
    expect(counters()).toMatchObject({ freed_underfoot: 0 });
  })();
});
