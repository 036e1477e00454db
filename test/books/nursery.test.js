'use strict';
// Small pointers, which native code watches together until a garbage collection finds one of them alive.

const { setImmediate } = require('node:timers/promises');
const { collect, configure, stats, track } = require('../../lib');
const binding = require('../../lib/binding');
const { kinds } = require('../../lib/books/kinds');
const { toDestructor } = require('../../lib/pointers/destructors');
const { creation } = require('../../lib/pointers/tracked-pointer');
const { drain } = require('../../lib/reclaim/destroy');
const gc = require('../../lib/reclaim/gc');
const { boundByBudget, expectBalance } = require('../support/balance.js');
const things = require('../support/things.js');
const { FREE, counters } = things;

const { CAPACITY } = binding.protocol.nursery;

const KIB = 2 ** 10;
const MIB = 2 ** 20;

beforeEach(things.reset);
afterEach(expectBalance);

const make = (bytes, label) => track(things.make(bytes), { size: bytes, free: FREE, label });

/** Makes `count` pointers and keeps one in `every`, from the first on. */
function makeAndKeep(count, every, bytes = 64, labelOf = () => 'small') {
  const kept = [];
  for (let i = 0; i < count; i++) {
    const pointer = make(bytes, labelOf(i));
    if (i % every === 0) kept.push(pointer);
  }
  return kept;
}

function expectAlive(pointers) {
  expect(pointers.filter((pointer) => things.id(pointer.address) <= 0)).toEqual([]);
}

// First, because other tests leave behind that nothing is watched together for a while.
test('a minor collection that is asked for tells of each', () => {
  collect(); // V8 may be marking, and would make these old
  const kept = makeAndKeep(5000, 100);
  collect({ type: 'minor' });
  expect(counters().freed).toBeGreaterThan(4500);
  for (const pointer of kept) pointer.dispose();
});

test.each([2, 10, 255, 256, 257, 1000])('the dead are freed among survivors, one in %d', (every) => {
  const kept = makeAndKeep(10_000, every);
  collect();
  expect(counters().freed).toBe(10_000 - kept.length);
  expect(stats().pointers).toBe(kept.length);
  expectAlive(kept);
  for (const pointer of kept) pointer.dispose();
});

test('also without collect(), while more are made', () => {
  boundByBudget();
  const count = 50_000;
  const kept = makeAndKeep(count, 1000, 16 * KIB);
  expect(counters().made).toBe(count);
  expect(counters().peak_bytes).toBeLessThanOrEqual(256 * MIB);
  expectAlive(kept);
  for (const pointer of kept) pointer.dispose();
});

test('minor collections free what dies young after a time in which nothing died', () => {
  const kept = makeAndKeep(200_000, 1);
  const before = stats().collections;
  const freed = counters().freed;
  makeAndKeep(60_000, Infinity, 8 * KIB);
  const after = stats().collections;
  // At most one: V8 may be marking on account of those that are kept, and minor GCs return little meanwhile.
  expect(after.major - before.major).toBeLessThanOrEqual(1);
  expect(counters().freed - freed).toBeGreaterThan(40_000);
  for (const pointer of kept) pointer.dispose();
});

test('where some of all that come together live on, few major collections are needed', () => {
  boundByBudget();
  const before = stats().collections;
  const kept = makeAndKeep(200_000, 100, 4 * KIB);
  expect(stats().collections.major - before.major).toBeLessThan(6);
  expect(counters().peak_bytes).toBeLessThanOrEqual(128 * MIB);
  for (const pointer of kept) pointer.dispose();
});

test('survivors can be disposed, released, resized and kept by children', () => {
  const kept = makeAndKeep(2048, 4);
  collect({ type: 'minor' });
  const [disposed, released, resized, parent] = kept;
  disposed.dispose();
  things.free(released.release());
  resized.resize(1000);
  expect(resized.size).toBe(1000);
  const child = track(things.makeChild(parent.address, 8), { size: 8, free: FREE, parent });
  parent.dispose();
  expect(things.id(child.address)).toBeGreaterThan(0);
  expectAlive(kept.slice(4));
  child.dispose();
  for (const pointer of kept.slice(4)) pointer.dispose();
  resized.dispose();
  collect();
  expect(counters()).toMatchObject({ live: 0, ...things.faultless });
});

test('one that is disposed after the others got their slots is freed once', () => {
  const kept = makeAndKeep(1000, 3);
  for (const pointer of kept.splice(0, 100)) pointer.dispose();
  // Their slots are used again, by pointers that are watched together with others.
  kept.push(...makeAndKeep(1000, 3));
  collect();
  expect(counters().live).toBe(kept.length);
  expectAlive(kept);
  for (const pointer of kept) pointer.dispose();
  expect(counters()).toMatchObject({ live: 0, ...things.faultless });
});

test('pointers of many kinds share what watches them', () => {
  const kept = makeAndKeep(20_000, 300, 64, (i) => `small ${i % 50}`);
  collect();
  expect(counters().live).toBe(kept.length);
  expectAlive(kept);
  for (const pointer of kept) pointer.dispose();
});

test('a large pointer is not kept by small ones, nor they by it', () => {
  const small = makeAndKeep(200, 20);
  let large = make(MIB, 'large'); // gives all of them their slots
  collect();
  expect(counters().live).toBe(small.length + 1);
  large = make(MIB, 'large');
  collect();
  expect(counters().live).toBe(small.length + 1);
  large.dispose();
  for (const pointer of small) pointer.dispose();
});

test('with collections in between that nobody asked for', () => {
  const kept = makeAndKeep(5000, 100, 64, (i) => {
    if (i % 37 === 0 && gc.canCollect()) gc.collectMinor();
    return 'small';
  });
  collect();
  expect(counters().live).toBe(kept.length);
  expectAlive(kept);
  for (const pointer of kept) pointer.dispose();
});

test.each(['minor', 'major'])('a %s collection amid the sweep after another finds all the dead', (type) => {
  collect(); // or V8's own next collection, amid these, would make the first ones old
  const kept = makeAndKeep(3000, 1);
  gc.canCollect();
  gc.collectMinor();
  binding.observe();
  for (let i = 0; i < 5; i++) binding.sweep(0); // slices whose time is up
  kept.length = 0;
  collect({ type });
  expect(counters()).toMatchObject({ live: 0, freed: 3000 });
});

test('a nursery that was left full takes the next pointer all the same', () => {
  const kind = kinds.of('left', toDestructor(FREE));
  // As where a program is stopped each time before it goes on: nobody has got these.
  (() => {
    for (let i = 0; i < CAPACITY; i++) creation.makeYoung(things.make(64), 64, kind);
  })();
  const pointer = make(MIB, 'large');
  expect(pointer.size).toBe(MIB);
  collect();
  expect(counters()).toMatchObject({ live: 1, freed: CAPACITY });
  pointer.dispose();
});

test('a limit makes room for the next of many small ones', () => {
  configure({ limit: 4 * MIB });
  try {
    const kept = makeAndKeep(4000, 500, 16 * KIB);
    expectAlive(kept);
    for (const pointer of kept) pointer.dispose();
  } finally {
    configure({ limit: Infinity });
  }
});

describe('nothing keeps a dropped pointer for long', () => {
  test.each([0, 800])(
    'after a turn of the event loop V8 collects it, whatever its size: %d',
    async (size) => {
      collect();
      const refs = (() =>
        Array.from({ length: 100 }, () => new WeakRef(track(things.make(10), { size, free: FREE }))))();
      await setImmediate();
      await setImmediate();
      gc.canCollect(); // which finds it
      gc.collectMajor();
      expect(refs.filter((ref) => ref.deref() !== undefined)).toEqual([]);
      collect();
      expect(counters()).toMatchObject({ live: 0, freed: 100 });
    },
  );

  test('before it, no more than 32 of a size that is not known', () => {
    (() => {
      for (let i = 0; i < 200; i++) track(things.make(10), { size: 0, free: FREE });
    })();
    gc.canCollect(); // which finds it
    gc.collectMajor();
    binding.noteMajor();
    expect(binding.sweep(Infinity)).toBe(true); // which does not flush
    expect(drain(Infinity)).toBe(true);
    expect(counters().live).toBeLessThanOrEqual(32);
    collect();
  });
});
