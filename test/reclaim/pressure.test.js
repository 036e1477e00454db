'use strict';
// configure({ limit, onPressure }): what is refused, and what is done before.

const { collect, configure, reportExternal, stats, track } = require('../../lib');
const gc = require('../../lib/reclaim/gc');
const clock = require('../../lib/support/clock');
const { errorOf, expectBalance } = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const inChildren = require('../support/in-children.js');
const things = require('../support/things.js');
const { FREE, counters } = things;

const MIB = 2 ** 20;
const LIMIT = 16 * MIB;
const defaults = configure();

beforeEach(() => {
  things.reset();
  configure({ limit: LIMIT });
});
afterEach(() => {
  configure(defaults);
  collect();
  return expectBalance();
});

const make = (bytes = MIB) => track(things.make(bytes), { size: bytes, free: FREE, label: 'limited' });

/** Tracks until there is no room, and returns what was tracked. */
function fill(bytes = MIB) {
  const kept = [];
  for (;;) {
    try {
      kept.push(make(bytes));
    } catch (error) {
      expect(error.code).toBe('ERR_TALLY_LIMIT');
      return kept;
    }
  }
}
const disposeAll = (pointers) => pointers.forEach((pointer) => pointer.dispose());

test('what is alive stays below it, and what is refused is freed', () => {
  const kept = fill();
  expect(kept.length).toBe(16);
  expect(stats().bytes).toBe(LIMIT);
  expect(counters()).toMatchObject({ made: 17, freed: 1 });
  disposeAll(kept);
});

test('garbage makes room, without an error', () => {
  for (let i = 0; i < 200; i++) make();
  expect(stats().peakBytes).toBeGreaterThan(0);
  expect(counters().peak_bytes).toBeLessThanOrEqual(LIMIT + MIB); // the new one exists before it is tracked
});

test('young garbage is found by minor collections, where nearly all is alive', () => {
  const kept = fill();
  disposeAll(kept.splice(0, 3)); // what is compiled beside it may keep one for a while
  collect(); // V8 may have begun to mark, which keeps what is new
  const { minor, major } = stats().collections;
  for (let i = 0; i < 200; i++) make();
  const after = stats().collections;
  expect(after.minor - minor).toBeGreaterThan(50);
  expect(after.major - major).toBeLessThan(10);
  disposeAll(kept);
});

test('bytes charged by hand count, and are not refused', () => {
  reportExternal(LIMIT);
  expect(errorOf(() => make()).code).toBe('ERR_TALLY_LIMIT');
  reportExternal(MIB);
  reportExternal(-LIMIT - MIB);
  make().dispose();
});

inChildren.test('half of what a container allows; none outside of one', async () => {
  const limitIn = (allowed) =>
    runChild(
      `process.constrainedMemory = () => ${allowed}; console.log(require('./lib').configure({ limit: 'auto' }).limit)`,
    );
  expect((await limitIn('1e9')).stdout).toBe('500000000\n');
  for (const none of ['undefined', '0', '2 ** 63']) expect((await limitIn(none)).stdout).toBe('Infinity\n');
});

describe('onPressure', () => {
  test('lets go of what it likes: dropping it is enough', () => {
    const cache = new Map();
    let asked = 0;
    configure({
      onPressure: () => {
        asked++;
        cache.clear();
      },
    });
    (() => {
      for (let i = 0; i < 100; i++) cache.set(i, make());
    })();
    expect(asked).toBeGreaterThan(3);
    expect(asked).toBeLessThan(20);
    expect(stats().bytes).toBeLessThanOrEqual(LIMIT);
    cache.clear();
  });

  test('may dispose', () => {
    const cache = [];
    configure({ onPressure: () => disposeAll(cache.splice(0)) });
    for (let i = 0; i < 100; i++) cache.push(make());
    expect(stats().bytes).toBeLessThanOrEqual(LIMIT);
    disposeAll(cache);
  });

  test('is told how much there is, and how much is wanted', () => {
    const kept = fill();
    const told = [];
    configure({ onPressure: (pressure) => told.push(pressure) });
    expect(errorOf(() => make(2 * MIB)).code).toBe('ERR_TALLY_LIMIT');
    expect(told).toEqual([{ bytes: LIMIT, limit: LIMIT, size: 2 * MIB }]);
    disposeAll(kept);
  });

  test('is not asked where a collection is enough', () => {
    const onPressure = jest.fn();
    configure({ onPressure });
    (() => {
      for (let i = 0; i < 100; i++) make();
    })();
    expect(onPressure).not.toHaveBeenCalled();
  });

  test('is not asked about what it tracks itself', () => {
    const kept = fill();
    const codes = [];
    configure({ onPressure: () => codes.push(errorOf(() => make()).code) });
    expect(errorOf(() => make()).code).toBe('ERR_TALLY_LIMIT');
    expect(codes).toEqual(['ERR_TALLY_LIMIT']);
    disposeAll(kept);
  });

  test('may give way to another', () => {
    const kept = fill();
    const next = jest.fn();
    configure({ onPressure: () => configure({ onPressure: next }) });
    for (let i = 0; i < 2; i++) expect(errorOf(() => make()).code).toBe('ERR_TALLY_LIMIT');
    expect(next).toHaveBeenCalledTimes(1);
    disposeAll(kept);
  });

  test('that throws: the new pointer is freed, and the error is seen', () => {
    const kept = fill();
    const mine = new Error('mine');
    configure({
      onPressure: () => {
        throw mine;
      },
    });
    expect(errorOf(() => make())).toBe(mine);
    expect(counters().live).toBe(kept.length);
    disposeAll(kept);
  });
});

// The last one: the clock of those that follow would go back.
test('however often pointers are refused, futile collections take a tenth of the time', () => {
  let now = clock.now();
  let spent = 0;
  const time = jest.spyOn(clock, 'now').mockImplementation(() => now);
  const { collectMajor } = gc;
  const major = jest.spyOn(gc, 'collectMajor').mockImplementation(() => {
    collectMajor();
    now += 10;
    spent += 10;
  });
  const kept = fill();
  const start = now;
  spent = 0;
  for (let i = 0; i < 2000; i++) {
    expect(errorOf(() => make()).code).toBe('ERR_TALLY_LIMIT');
    now += 1;
  }
  expect(spent).toBeGreaterThan(0);
  expect(spent).toBeLessThanOrEqual((now - start) / 10 + 100 + 10); // and what was saved up, and the last
  time.mockRestore();
  major.mockRestore();
  disposeAll(kept);
});
