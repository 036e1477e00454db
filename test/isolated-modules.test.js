'use strict';
// The library twice in this process, as test runners do it; other ways are in worker.test.js.

const { gcUntil } = require('./support/gc-until.js');
const { faultless } = require('./support/things.js');

test('by jest.isolateModules()', () => {
  const things = require('./support/things.js');
  things.reset();
  const load = () => {
    let tally;
    jest.isolateModules(() => (tally = require('../lib')));
    return tally;
  };
  const [a, b] = [load(), load()];
  expect(a.track).not.toBe(b.track);
  const make = (tally, size) => tally.track(things.make(size), { size, free: things.FREE });
  const kept = [make(a, 10), make(b, 20)];
  (() => {
    for (let i = 0; i < 100; i++) void [make(a, 1000), make(b, 1000), make(a, 100_000)];
  })();
  // A pointer of one is no parent for the other.
  expect(() => b.track(1n, { size: 0, free: null, parent: kept[0] })).toThrow(TypeError);
  a.collect();
  b.collect();
  expect([a, b].map((tally) => tally.stats().bytes)).toEqual([10, 20]);
  for (const pointer of kept) pointer.dispose();
  expect(things.counters()).toMatchObject({ made: 302, freed: 302, ...faultless });
});

test('copies that nobody uses any more are collected', async () => {
  const copies = Array.from({ length: 5 }, () => {
    let copy;
    jest.isolateModules(() => {
      require('../lib');
      copy = new WeakRef(require('../lib/reclaim/turn')); // what native code knows of
    });
    return copy;
  });
  const left = () => copies.filter((copy) => copy.deref() !== undefined).length;
  await gcUntil('all but the last, which V8 may still look at', () => left() <= 1);
});
