'use strict';
// Tests, for a Jest of its own.

const { setImmediate } = require('node:timers/promises');
const { collect, stats, track } = require('../../../lib');
const { gc } = require('../../support/gc-until.js');
const things = require('../../support/things.js');

jest.useFakeTimers();
const make = (size) => track(things.make(size), { size, free: things.FREE });

test('in synchronous code', () => {
  for (let i = 0; i < 300; i++) make(i % 2 === 0 ? 1e6 : 100);
  make(10).dispose();
  collect();
  expect(stats().pointers).toBe(0);
  expect(things.counters()).toMatchObject({ live: 0, freed: 301 });
});

test('on the event loop', async () => {
  for (let i = 0; i < 5000; i++) make(100);
  stats();
  for (let turn = 0; stats().pointers > 0 && turn < 200; turn++) {
    if (turn % 20 === 0) gc();
    await setImmediate();
  }
  expect(stats().pointers).toBe(0);
  expect(jest.getTimerCount()).toBe(0);
});

test('a kept one', () => {
  globalThis.kept = make(100);
});
