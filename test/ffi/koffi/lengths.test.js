'use strict';
// How many bytes of its arguments C uses, as `lengths` says: checked in the checked mode.

const { promisify } = require('node:util');
const { configure } = require('../../../lib');
const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { counting, declareThings, koffi, things } = require('./setup.js');

const library = koffi.load(counting);
const { checked } = configure();

beforeEach(() => {
  things.reset();
  configure({ checked: true });
});
afterEach(async () => {
  configure({ checked });
  await expectBalance();
});

const OUT_OF_BOUNDS = [RangeError, 'ERR_TALLY_OUT_OF_BOUNDS'];
const sum = (type, lengths) =>
  library.func(`int64_t bytes_sum_slow(const ${type} *bytes, size_t length, int ms)`, { lengths });

test.each([
  ['by an argument', { 0: 1 }],
  ['by a function', { 0: (bytes, length) => length }],
  ['by a function that tells a bigint', { 0: (bytes, length) => BigInt(length) }],
])('of a tracked pointer and of a Buffer, %s', async (_, lengths) => {
  const { T, make } = declareThings({ size: 10 });
  const thing = make(10);
  const ofThing = sum(T, lengths);
  const ofBytes = sum('uint8_t', lengths);
  expect(ofThing(thing, 10, 0)).toBe(ofThing(thing, 10, 0));
  expect(ofBytes(Buffer.from([1, 2, 3]), 3, 0)).toBe(6);
  expect(await promisify(ofBytes.async)(new Uint8Array([1, 2]), 2, 0)).toBe(3);
  const error = expectRefusal(() => ofThing(thing, 11, 0), ...OUT_OF_BOUNDS);
  expect(error.message).toContain('bytes_sum_slow()');
  expectRefusal(() => ofBytes(Buffer.alloc(3), 4, 0), ...OUT_OF_BOUNDS);
  expectRefusal(() => ofBytes.async(new Uint16Array(3), 7, 0, () => {}), ...OUT_OF_BOUNDS);
  configure({ checked: false });
  expect(ofThing(thing, 10, 0)).toBe(ofThing(thing, 10, 0));
  thing.dispose();
});

test('what has no size, or has ended, is nobody\u2019s to check', () => {
  const { T, make } = declareThings({ size: 0 });
  const measured = sum(T, { 0: 1 });
  const thing = make(10);
  expect(() => measured(thing, 10, 0)).not.toThrow();
  thing.dispose();
  expectRefusal(() => measured(thing, 100, 0), ReferenceError, 'ERR_TALLY_DISPOSED');
  expect(() => measured(() => 1, 10, 0)).toThrow(); // of which Koffi complains
});

test('that is less than nothing, or no number, is too much; not where the sign may mean something', () => {
  const nothing = { 0: 1 };
  const bytes = Buffer.alloc(3);
  for (const length of [-1, -1n, NaN]) {
    expectRefusal(() => sum('void', nothing)(bytes, length, 0), ...OUT_OF_BOUNDS);
    expectRefusal(() => sum('void', { 0: () => length })(bytes, 0, 0), ...OUT_OF_BOUNDS);
  }
  const signed = library.func('int64_t holder_id_at(const void *holder, int length)', { lengths: nothing });
  expect(Number(signed(Buffer.alloc(32), -1))).toBe(-1);
  expectRefusal(() => signed(bytes, 4), ...OUT_OF_BOUNDS);
  const nameless = Object.assign(new Uint8Array(3), { constructor: undefined });
  expectRefusal(() => sum('void', nothing)(nameless, 4, 0), ...OUT_OF_BOUNDS);
});

test('wrong options are refused', () => {
  const type = [TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'];
  const value = [RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'];
  const unsupported = [TypeError, 'ERR_TALLY_UNSUPPORTED'];
  for (const [lengths, ...expected] of [
    [1, ...type],
    [[1], ...type],
    [{ 0: 'length' }, ...type],
    [{ bytes: 1 }, ...value],
    [{ 3: 1 }, ...value],
    [{ 0: 3 }, ...value],
    [{ 1: 2 }, ...unsupported],
    [{ 0: 0 }, ...unsupported],
  ]) {
    expectRefusal(() => sum('uint8_t', lengths), ...expected);
  }
  expectRefusal(() => sum('uint8_t', { 0: () => 'many' })(Buffer.alloc(1), 1, 0), ...type);
});
