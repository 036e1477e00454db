'use strict';
// Reclamation: what is dropped is freed in time, in synchronous code and from the event loop; what is kept is not.

const { collect, configure, memoryUsage, reportExternal, stats, track } = require('../../lib');
const binding = require('../../lib/binding');
const {
  boundByBudget,
  expectBalance,
  expectCounted,
  settledCounter,
  withRoom,
} = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const inChildren = require('../support/in-children.js');
const { gc, gcUntil } = require('../support/gc-until.js');
const things = require('../support/things.js');
const { combinations, times } = require('../support/whole.js');
const { FREE, counters } = things;

const MIB = 2 ** 20;
// Of 8 MiB, several times what there may be at once.
const BLOCKS = times(120, 300);

beforeEach(things.reset);
afterEach(expectBalance);

// With sanitizers collections cost many times as much, and what is freed stays resident, so that the process asks for more.
const paced = process.env.ASAN_OPTIONS === undefined ? test : test.skip;

const make = (bytes, options) => track(things.make(bytes), { size: bytes, free: FREE, ...options });

// A function of its own: a loop's variable would keep its last pointer alive.
function expectAlive(pointers) {
  for (const pointer of pointers) expect(things.id(pointer.address)).toBeGreaterThan(0);
}

describe('in a synchronous loop', () => {
  // The bound is the one that the project promises for 1000 x 8 MiB.
  function churn(count, bytes, options) {
    let peak = 0;
    for (let i = 0; i < count; i++) {
      make(bytes, options);
      peak = Math.max(peak, stats().bytes);
    }
    return peak;
  }

  test.each([
    ['freed by C', {}],
    ['freed by JavaScript', { free: (address) => things.free(address) }],
  ])('blocks of 8 MiB stay below 256 MiB, %s', (_, options) => {
    boundByBudget();
    const peak = churn(BLOCKS, 8 * MIB, options);
    expect(peak).toBeLessThanOrEqual(256 * MIB);
    expect(counters().peak_bytes).toBeLessThanOrEqual(256 * MIB);
    expect(counters().freed).toBeGreaterThan(BLOCKS - 32);
    collect();
    expect(counters()).toMatchObject({ made: BLOCKS, freed: BLOCKS });
  });

  const smallOnes = (_, other) => {
    boundByBudget();
    const bytes = 16 * 1024;
    const count = (times(384, 512) * MIB) / bytes;
    (() => {
      for (let i = 0; i < count; i++) other(make(bytes));
    })();
    expect(counters().made).toBe(count);
    expect(counters().peak_bytes).toBeLessThanOrEqual(256 * MIB);
  };

  test.each([
    ['nothing else', () => {}],
    ['a view', (pointer) => pointer.view()],
    ['a child', (pointer) => track(1n, { size: 0, free: null, parent: pointer })],
  ])('small ones stay below it, too, with %s each time', smallOnes);

  combinations.test.each([
    ['a look at stats()', () => stats()],
    [`a look at the process's`, () => stats({ scope: 'process' })],
    ['a look at memoryUsage()', () => memoryUsage()],
    ['a size by hand', (pointer) => pointer.resize(16_385)],
    ['bytes by hand', () => reportExternal(1) && reportExternal(-1)],
  ])('small ones stay below it, too, with %s each time', smallOnes);

  test('tiny ones whose number is the burden', () => {
    (() => {
      for (let i = 0; i < 200_000; i++) make(16, { free: FREE });
    })();
    collect();
    expect(counters()).toMatchObject({ made: 200_000, freed: 200_000 });
  });

  test('beside 64 MiB that stay', () => {
    boundByBudget();
    const kept = Array.from({ length: 64 }, () => make(MIB));
    churn(BLOCKS, 8 * MIB);
    expect(counters().peak_bytes).toBeLessThanOrEqual(320 * MIB);
    expectAlive(kept);
    for (const pointer of kept) pointer.dispose();
  });

  test('ten kept at a time, the oldest dropped: a cache', () => {
    boundByBudget();
    const cache = new Map();
    (() => {
      for (let i = 0; i < BLOCKS; i++) {
        cache.set(i, make(8 * MIB));
        if (cache.size > 10) cache.delete(i - 10);
      }
    })();
    expect(counters().peak_bytes).toBeLessThanOrEqual(400 * MIB);
    expectAlive([...cache.values()]);
    cache.clear();
    collect();
    expect(counters().freed).toBe(BLOCKS);
  });

  test('in pairs of parent and child', () => {
    boundByBudget();
    (() => {
      for (let i = 0; i < BLOCKS / 2; i++) {
        const parent = make(8 * MIB);
        track(things.makeChild(parent.address, 8 * MIB), { size: 8 * MIB, free: FREE, parent });
      }
    })();
    expect(counters().peak_bytes).toBeLessThanOrEqual(256 * MIB);
    collect();
    expect(counters()).toMatchObject({ freed: BLOCKS, orphans: 0 });
  });

  paced('what dies young costs minor collections, hardly a major one', () => {
    const before = stats().collections;
    churn(300, 8 * MIB);
    const { minor, major } = stats().collections;
    expect(minor - before.minor).toBeGreaterThan(10);
    expect(major - before.major).toBeLessThanOrEqual(5);
  });

  paced('and where V8 has a large heap', () => {
    const heap = Array.from({ length: 100_000 }, (_, i) => ({ i, list: [i], text: `x${i}` }));
    for (let i = 0; i < 3; i++) collect(); // V8 sets its limits by them
    const before = stats().collections;
    churn(150, 8 * MIB);
    expect(stats().collections.major - before.major).toBeLessThanOrEqual(3);
    expect(heap).toHaveLength(100_000);
  });

  test('what is disposed at once needs no collection', () => {
    withRoom();
    const before = stats().collections;
    for (let i = 0; i < BLOCKS; i++) make(8 * MIB).dispose();
    expect(stats().collections).toEqual(before);
    expect(counters().peak_bytes).toBe(8 * MIB);
  });

  // In a process of its own, which has not grown by what other tests have freed.
  inChildren.test('what is only counted and kept is not collected for ever again', async () => {
    const { stdout } = await runChild(`
      const { stats, track } = require('./lib');
      globalThis.kept = Array.from({ length: 4096 }, () => track(1n, { size: ${MIB}, free: null }));
      console.log(JSON.stringify(stats().collections));
    `);
    const { minor, major } = JSON.parse(stdout);
    // 4 GiB that stay: a collection for every doubling, not for every 64 MiB.
    expect(major).toBeLessThanOrEqual(10);
    expect(minor).toBeLessThanOrEqual(60);
  });
});

describe('generations', () => {
  // Kept through `count` major collections, in an array of its own.
  function aged(count, options) {
    const keep = [];
    (() => {
      for (let i = 0; i < 100; i++) keep.push(make(1000, options));
    })();
    for (let i = 0; i < count; i++) collect();
    return keep;
  }

  test.each([0, 1, 2, 3, 5])('dropped after %i major collections, freed by the next', (count) => {
    const keep = aged(count);
    expect(counters().freed).toBe(0);
    keep.length = 0;
    collect();
    expect(counters().freed).toBe(100);
  });

  test.each([1, 2, 3, 4, 5])('dropped after %i minor collections, freed by a major one', (count) => {
    const keep = aged(0);
    for (let i = 0; i < count; i++) collect({ type: 'minor' });
    expect(counters().freed).toBe(0);
    keep.length = 0;
    collect();
    expect(counters().freed).toBe(100);
  });

  test('survivors are left alone, one by one', () => {
    const keep = aged(2);
    while (keep.length > 0) {
      keep.splice(0, 10);
      collect();
      expect(counters().freed).toBe(100 - keep.length);
      expectAlive(keep);
    }
  });

  inChildren.test('a collection that V8 does by itself is noticed at the next track()', async () => {
    const child = await runChild(`
      const { configure, stats, track } = require('./lib');
      const things = require('./test/support/things.js');
      const options = { size: 2e5, free: things.FREE };
      // Nothing is asked for: not for the pointers, nor for what a sanitizer adds to the process.
      configure({ budget: 1e9 });
      (() => { for (let i = 0; i < 100; i++) track(things.make(2e5), options); })();
      // Garbage of JavaScript only, until V8 has scavenged it a few times.
      let rubbish = [];
      for (let i = 0; i < 1e6; i++) rubbish = [rubbish.length, { i }];
      const made = [track(things.make(2e5), options)];
      const noticed = things.counters().freed > 0;
      // Where freeing is slow, each of them frees some.
      while (things.counters().freed < 99 && made.length < 100) made.push(track(things.make(2e5), options));
      console.log(noticed, things.counters().freed >= 99, JSON.stringify(stats().collections));
    `);
    expect(child).toEqual({
      code: 0,
      signal: null,
      stdout: 'true true {"minor":0,"major":0,"returnedByMinor":0,"returnedByMajor":0}\n',
      stderr: '',
    });
  });
});

describe('from the event loop', () => {
  test.each([
    ['small', 100],
    ['large', MIB],
  ])('%s ones that were dropped are freed without another track()', async (_, bytes) => {
    (() => {
      for (let i = 0; i < 50; i++) make(bytes);
    })();
    await gcUntil('all are freed', () => counters().live === 0);
    expect(counters().freed).toBe(50);
  });

  test('old ones, too', async () => {
    const keep = [];
    (() => {
      for (let i = 0; i < 50; i++) keep.push(make(100));
    })();
    for (let i = 0; i < 3; i++) await gcUntil('a turn', () => true);
    expect(counters().freed).toBe(0);
    keep.length = 0;
    await gcUntil('all are freed', () => counters().live === 0);
  });

  test('again and again: the heartbeat goes on', async () => {
    for (let round = 1; round <= 5; round++) {
      (() => {
        for (let i = 0; i < 10; i++) make(100_000);
      })();
      await gcUntil(`those of round ${round} are freed`, () => counters().freed === 10 * round);
    }
  });

  test('parents after children', async () => {
    (() => {
      for (let i = 0; i < 50; i++) {
        const parent = make(100);
        track(things.makeChild(parent.address, 100), { size: 100, free: FREE, parent });
      }
    })();
    await gcUntil('all are freed', () => counters().live === 0);
    expect(counters()).toMatchObject({ freed: 100, orphans: 0 });
  });

  inChildren.test('in slices: slow destructors let the event loop breathe', async () => {
    const child = await runChild(
      `
      const { collect, track } = require('./lib');
      const things = require('./test/support/things.js');
      const free = things.symbol('thing_free_slow'); // a millisecond each
      (() => { for (let i = 0; i < 200; i++) track(things.make(1000), { size: 1000, free }); })();
      require('./lib').stats();
      gc();
      let between = 0;
      (function turn() {
        const { live } = things.counters();
        if (live > 0 && live < 200) between++;
        if (live > 0) setImmediate(turn); else console.log(between > 10);
      })();
    `,
      { execArgv: ['--expose-gc'] },
    );
    expect(child).toEqual({ code: 0, signal: null, stdout: 'true\n', stderr: '' });
  });

  test('not in slices while more are made than would be freed', () => {
    const { budget } = configure();
    configure({ budget: 8 * MIB });
    boundByBudget();
    const free = things.symbol('thing_free_slow'); // ten are made in no time, and freed in ten milliseconds
    let peak = 0;
    (() => {
      for (let i = 0; i < 600; i++) {
        track(things.make(100), { size: 100_000, free });
        peak = Math.max(peak, stats().bytes);
      }
    })();
    configure({ budget });
    expect(peak).toBeLessThan(3 * 8 * MIB);
    collect();
    expect(counters()).toMatchObject({ made: 600, freed: 600 });
  });

  paced.each([
    ['that much is dead', 100_000, 0],
    ['more is dead and held by what lives', 100, 64 * MIB],
  ])('and whoever tracks a pointer does not pay for all that is dead, though %s', (_, size, held) => {
    const { budget } = configure();
    configure({ budget: 4 * MIB });
    boundByBudget();
    const parent = make(8, { size: held });
    const child = track(things.makeChild(parent.address, 8), { size: 8, free: FREE, parent });
    parent.dispose();
    const free = things.symbol('thing_free_slow'); // a millisecond each
    (() => {
      const dropped = Array.from({ length: 200 }, () => track(things.make(8), { size, free }));
      stats();
      for (const pointer of dropped) expect(pointer.disposed).toBe(false);
    })();
    gc();
    binding.noteMajor();
    binding.sweep(Infinity);
    expect(stats().dead.pointers).toBe(201);
    expect(counters().freed).toBe(0);
    const large = make(200_000);
    expect(stats().dead.bytes).toBeGreaterThan(4 * MIB);
    expect(counters().freed).toBeGreaterThan(0);
    expect(counters().freed).toBeLessThan(20);
    configure({ budget });
    large.dispose();
    child.dispose();
    collect();
    expect(counters()).toMatchObject({ made: 203, freed: 203, orphans: 0 });
  });

  inChildren.test('nothing of ours keeps the process alive', async () => {
    const child = await runChild(`
      const { track } = require('./lib');
      const things = require('./test/support/things.js');
      globalThis.kept = Array.from({ length: 10 }, () => track(things.make(1000), { size: 1000, free: things.FREE }));
      console.log('end');
    `);
    expect(child).toEqual({ code: 0, signal: null, stdout: 'end\n', stderr: '' });
  });
});

describe('balance', () => {
  test('after everything is gone tracked and reported are zero, and V8 counts what it counted before', async () => {
    const baseline = await settledCounter();
    const keep = [];
    (() => {
      for (let i = 0; i < 200; i++) {
        const pointer = make(i % 2 === 0 ? 100 : MIB);
        if (i % 5 === 0) keep.push(pointer);
        if (i % 7 === 0) pointer.resize(i * 1000);
        if (i % 11 === 0) pointer.dispose();
        reportExternal(i * 10_000);
      }
    })();
    expect(memoryUsage().counter).toBeGreaterThan(baseline);
    for (let i = 0; i < 200; i++) reportExternal(-i * 10_000);
    keep.length = 0;
    collect();
    expect(memoryUsage()).toMatchObject({ tracked: 0, reported: 0 });
    await settledCounter();
    expectCounted(baseline, 0);
  });

  test('at every moment V8 counts what is reported, and no more', async () => {
    const baseline = await settledCounter();
    const keep = [];
    for (let i = 0; i < 200; i++) {
      keep.push(make(MIB));
      if (i % 3 === 0) keep.splice(Math.floor(keep.length / 2), 1)[0].dispose();
      const { reported, tracked } = memoryUsage();
      expectCounted(baseline, reported);
      expect(reported).toBeLessThanOrEqual(tracked);
    }
    for (const pointer of keep) pointer.dispose();
    expectCounted(baseline, 0);
  });

  test('whatever the budget', () => {
    const { budget } = configure();
    for (const wanted of [1, 4096, MIB, 1024 * MIB]) {
      configure({ budget: wanted });
      (() => {
        for (let i = 0; i < 100; i++) make(wanted === 1 ? 10 : 100_000);
      })();
      collect();
      expect(stats()).toMatchObject({ bytes: 0, pointers: 0, reported: 0 });
    }
    configure({ budget });
  });
});

paced('what V8 has collected is found before another collection is asked for', async () => {
  const { code, stdout, stderr } = await runChild('test/programs/reclaim/dying.js', {
    execArgv: ['--expose-gc'],
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(parseInt(stdout, 10)).toBeLessThan(100_000); // of 500,000
});
