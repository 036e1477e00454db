'use strict';
// What an address is where it has 32 bits, here where it has 64: scripts/cross.js runs the rest.

const plainKoffi = require('koffi');
const { expectRefusal } = require('./balance.js');

const { arch } = process;
let koffi;
let tally;

beforeAll(() => {
  Object.defineProperty(process, 'arch', { value: 'arm' });
  jest.isolateModules(() => {
    tally = require('../../lib');
    koffi = tally.withOwnership(plainKoffi);
  });
});

afterAll(() => Object.defineProperty(process, 'arch', { value: arch }));

test('a bound argument is as wide as an address', () => {
  const declare = (argument) =>
    koffi.owned('Bound', 'void *', { free: { symbol: 'f', args: [argument] }, size: 1 });
  const { message } = expectRefusal(() => declare(2 ** 32), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
  expect(message).toContain('an integer of 32 bits');
  expectRefusal(() => declare(-(2n ** 31n) - 1n), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
  declare(2 ** 32 - 1);
});

test('so is what stands for no pointer', () => {
  const declare = (name, invalid) => koffi.owned(name, 'void *', { free: null, size: 1, invalid });
  expectRefusal(() => declare('Wide', 2 ** 32), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
  const { checkInvalid } = (() => {
    let found;
    jest.isolateModules(() => (found = require('../../lib/ownership/declare/invalid.js')));
    return found;
  })();
  expect(checkInvalid(-1)(0xffffffffn)).toBe(true);
});

test('C frees no integer that is wider', () => {
  const declare = (free) => koffi.owned('Handle', 'int64_t', { free });
  for (const free of ['close', { symbol: 'close', args: [tally.POINTER] }, 1n]) {
    const { message } = expectRefusal(() => declare(free), Error, 'ERR_TALLY_UNSUPPORTED');
    expect(message).toContain('wider than an address');
  }
  declare(() => {});
  koffi.owned('OfOther', 'int64_t', { free: null });
});
