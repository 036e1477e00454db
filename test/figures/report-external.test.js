'use strict';

const { collect, memoryUsage, reportExternal, stats, track } = require('../../lib');
const {
  errorOf,
  expectBalance,
  expectCounted,
  expectRefusal,
  settledCounter,
} = require('../support/balance.js');
const { runChild } = require('../support/child.js');

const MIB = 2 ** 20;

afterEach(expectBalance);

test('returns the sum of what was charged', () => {
  expect(reportExternal(0)).toBe(0);
  expect(reportExternal(1000)).toBe(1000);
  expect(reportExternal(24)).toBe(1024);
  expect(stats().manual).toBe(1024);
  expect(reportExternal(-1000)).toBe(24);
  expect(reportExternal(-24)).toBe(0);
});

test('is no part of the tracked pointers', () => {
  reportExternal(5);
  expect(stats()).toMatchObject({ bytes: 0, pointers: 0, manual: 5 });
  expect(memoryUsage().tracked).toBe(5);
  reportExternal(-5);
});

test('takes bigints', () => {
  expect(reportExternal(10n)).toBe(10);
  expect(reportExternal(-10n)).toBe(0);
  expect(reportExternal(0n)).toBe(0);
});

test('minus zero is zero', () => {
  expect(reportExternal(-0)).toBe(0);
  reportExternal(7);
  expect(reportExternal(-0)).toBe(7);
  expect(Object.is(reportExternal(-7), 0)).toBe(true);
});

test.each([
  ['nothing', undefined],
  ['null', null],
  ['a string', '12'],
  ['a boolean', true],
  ['an object', {}],
  ['an object with a value', { valueOf: () => 12 }],
  ['a symbol', Symbol('bytes')],
])('refuses %s', (_, value) => {
  const error = expectRefusal(() => reportExternal(value), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
  expect(error.message).toMatch(/^Unexpected .+ value for 'delta', expected a safe integer$/);
  expect(error.name).toBe('TypeError');
});

test.each([NaN, Infinity, -Infinity, 0.5, -1.5, 2 ** 53, -(2 ** 53), 2n ** 53n, -(2n ** 53n), 2n ** 64n])(
  'refuses %p',
  (value) => {
    const error = expectRefusal(() => reportExternal(value), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
    expect(error.message).toContain(`(${value}) for 'delta'`);
    expect(error.name).toBe('RangeError');
  },
);

test('refuses to go below zero, and changes nothing', () => {
  expectRefusal(() => reportExternal(-1), RangeError, 'ERR_TALLY_UNBALANCED');
  reportExternal(100);
  const error = expectRefusal(() => reportExternal(-101), RangeError, 'ERR_TALLY_UNBALANCED');
  expect(error.message).toBe('Cannot give back 101 bytes: only 100 are reported');
  expectRefusal(() => reportExternal(Number.MIN_SAFE_INTEGER), RangeError, 'ERR_TALLY_UNBALANCED');
  expect(reportExternal(-100)).toBe(0);
});

test('cannot give back what a tracked pointer is charged', () => {
  const pointer = track(1n, { size: 1000, free: null });
  expectRefusal(() => reportExternal(-1), RangeError, 'ERR_TALLY_UNBALANCED');
  pointer.dispose();
});

test('counts up to 2^53 - 1 and not past it', () => {
  expect(reportExternal(Number.MAX_SAFE_INTEGER - 10)).toBe(Number.MAX_SAFE_INTEGER - 10);
  expectRefusal(() => reportExternal(11), RangeError, 'ERR_TALLY_OVERFLOW');
  expectRefusal(() => reportExternal(Number.MAX_SAFE_INTEGER), RangeError, 'ERR_TALLY_OVERFLOW');
  expect(reportExternal(10n)).toBe(Number.MAX_SAFE_INTEGER);
  expectRefusal(() => reportExternal(1), RangeError, 'ERR_TALLY_OVERFLOW');
  expect(reportExternal(-Number.MAX_SAFE_INTEGER)).toBe(0);
});

test('leaves room for what was tracked a moment ago', () => {
  const pointer = track(1n, { size: 100, free: null });
  // Not expectRefusal(), whose look at stats() would settle the pointer first.
  expect(errorOf(() => reportExternal(Number.MAX_SAFE_INTEGER - 99)).code).toBe('ERR_TALLY_OVERFLOW');
  expect(reportExternal(Number.MAX_SAFE_INTEGER - 100)).toBe(Number.MAX_SAFE_INTEGER - 100);
  expect(pointer.size).toBe(100);
  reportExternal(-(Number.MAX_SAFE_INTEGER - 100));
  pointer.dispose();
});

test('V8 is told in steps, never of more than there is, and all of it is taken back', async () => {
  const baseline = await settledCounter();
  for (let sum = MIB; sum <= 40 * MIB; sum += MIB) {
    reportExternal(MIB);
    const { reported } = memoryUsage();
    // More would make V8 mark, and while it marks, minor collections find next to nothing dead.
    expect(reported).toBe(Math.min(sum, 4 * MIB));
    expectCounted(baseline, reported);
  }
  collect();
  const { reported } = memoryUsage();
  expect(reported).toBeGreaterThanOrEqual(32 * MIB);
  expectCounted(baseline, reported);
  reportExternal(-40 * MIB);
  expect(memoryUsage().reported).toBe(0);
  expectCounted(baseline, 0);
});

test('bytes charged for JavaScript objects have the dead ones among them collected in time', async () => {
  // As a user would write it: the finalizer gives back what the constructor charged.
  const size = 8 * MIB;
  const code = `
    const { reportExternal, stats } = require('./lib');
    let alive = 0;
    const registry = new FinalizationRegistry((size) => { alive--; reportExternal(-size); });
    function make() { const object = {}; alive++; reportExternal(${size}); registry.register(object, ${size}); }
    const turn = () => new Promise(setImmediate);
    (async () => {
      let peak = 0;
      for (let i = 0; i < 200; i++) {
        make();
        // A few: V8 calls the finalizers from a task of its own, some time after the collection.
        for (let j = 0; j < 3; j++) await turn();
        peak = Math.max(peak, alive);
      }
      console.log(JSON.stringify({ peak, collections: stats().collections }));
    })();
  `;
  const child = await runChild(code);
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  const { peak, collections } = JSON.parse(child.stdout);
  expect(collections.major + collections.minor).toBeGreaterThan(0);
  expect(peak * size).toBeLessThanOrEqual(256 * MIB);
});

// Below zero V8 aborts the process from Node 24 on, and counts on in silence before.
test('the process survives going below zero', async () => {
  const code = `
    const { memoryUsage, reportExternal } = require('./lib');
    const before = memoryUsage().counter;
    for (const delta of [-1, -(2 ** 40), Number.MIN_SAFE_INTEGER, -1n]) {
      try { reportExternal(delta); } catch (error) {
        console.log(error.code, error instanceof RangeError, memoryUsage().counter - before);
      }
    }
  `;
  const child = await runChild(code);
  expect(child).toEqual({
    code: 0,
    signal: null,
    stdout: 'ERR_TALLY_UNBALANCED true 0\n'.repeat(4),
    stderr: '',
  });
});
