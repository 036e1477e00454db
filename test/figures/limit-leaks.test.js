'use strict';

const { limitLeaks, track } = require('../../lib');
const { expectBalance } = require('../support/balance.js');
const things = require('../support/things.js');
const { FREE } = things;

beforeEach(things.reset);
afterEach(expectBalance);

const make = (bytes) => track(things.make(bytes), { size: bytes, free: FREE, label: 'thing' });

test.each([
  [5000, 5],
  [0, 0],
])('no more than %i bytes', async (bytes, count) => {
  const kept = [];
  const leave = (more) =>
    limitLeaks(bytes, async () => {
      for (let i = 0; i < count + more; i++) kept.push(make(1000));
      make(1_000_000); // and drop
    });
  await leave(0)();
  await expect(leave(1)()).rejects.toMatchObject({
    code: 'ERR_TALLY_LEAK',
    leaks: [{ label: 'thing', pointers: count + 1 }],
  });
  for (const pointer of kept) pointer.dispose();
});

test('what was dead before makes up for nothing', async () => {
  const kept = [];
  (() => {
    for (let i = 0; i < 10; i++) make(1000);
  })();
  await expect(limitLeaks(0, () => kept.push(make(1000)))()).rejects.toMatchObject({
    code: 'ERR_TALLY_LEAK',
  });
  kept.pop().dispose();
});

test('is the test in all else', async () => {
  const error = new Error('of the test');
  const kept = [];
  const failing = limitLeaks(0, () => {
    kept.push(make(10));
    throw error;
  });
  await expect(failing()).rejects.toBe(error);
  kept.pop().dispose();
  const sum = limitLeaks(0n, function (a, b) {
    return this.base + a + b;
  });
  expect(sum.length).toBe(0); // Jest calls one that has parameters with `done`
  expect(await sum.call({ base: 1 }, 2, 3)).toBe(6);
});

test('refuses what is wrong at once', () => {
  const code = (invalid) => expect.objectContaining({ code: `ERR_TALLY_INVALID_ARG_${invalid}` });
  expect(() => limitLeaks(-1, () => {})).toThrow(code('VALUE'));
  expect(() => limitLeaks('8 KB', () => {})).toThrow(code('TYPE'));
  expect(() => limitLeaks(1)).toThrow(code('TYPE'));
});
