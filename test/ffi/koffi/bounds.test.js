'use strict';
// koffi.decode() and koffi.encode() of tracked pointers do not pass their sizes.

const { track } = require('../../../lib');
const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { counting, isKoffi2, koffi, ownedThing, raw, things, unique } = require('./setup.js');

const library = koffi.load(counting);

beforeEach(things.reset);
afterEach(expectBalance);

const refused = (attempt) => expectRefusal(attempt, RangeError, 'ERR_TALLY_OUT_OF_BOUNDS');

const ways = [
  ['track()', () => track(things.make(64), { size: 64, free: things.FREE })],
  ['koffi.alloc()', () => koffi.alloc('char', 64, { owned: true })],
  [
    'a result of constant size',
    () => library.func(`${ownedThing({ size: 64 }).Owned} thing_new(size_t bytes)`)(64),
  ],
  ['a result whose size C tells', () => library.func(`${ownedThing().Owned} thing_new(size_t bytes)`)(64)],
  [
    'a result whose size a function tells',
    () => library.func(`${ownedThing({ size: (_, bytes) => bytes }).Owned} thing_new(size_t bytes)`)(64),
  ],
];

describe.each(ways)('%s', (_, make) => {
  let block;

  beforeEach(() => (block = make()));
  afterEach(() => block.dispose());

  test.each([
    ['an integer', ['int'], 1, 60],
    ['several', ['int', 16], [...Array(16).keys()], 0],
    ['an array type', [koffi.array('int', 16)], [...Array(16).keys()], 0],
    ['a double', ['double'], 0.5, 56],
    ['a pointer', ['void *'], null, 56],
    ['characters', ['char', 64], 'text', 0],
  ])('%s: the last place, and none behind it', (__, [type, ...length], value, last) => {
    koffi.encode(block, last, type, value, ...length);
    koffi.decode(block, last, type, ...length);
    if (last === 0) {
      koffi.encode(block, type, value, ...length);
      koffi.decode(block, type, ...length);
    }
    refused(() => koffi.encode(block, last + 1, type, value, ...length));
    refused(() => koffi.decode(block, last + 1, type, ...length));
    refused(() => koffi.decode(block, 4096, type, ...length));
    refused(() => koffi.decode(block, -1, type, ...length));
  });

  test('a length that passes the end', () => {
    refused(() => koffi.encode(block, 60, 'int', [1, 2], 2));
    refused(() => koffi.decode(block, 60, 'int', 2));
    refused(() => koffi.encode(block, 'int', new Array(17).fill(0), 17));
    refused(() => koffi.decode(block, 'int', 17));
    refused(() => koffi.decode(block, 'char', 65));
    const Large = koffi.struct({ all: koffi.array('int', 17) });
    refused(() => koffi.decode(block, Large));
  });

  test('a string that ends somewhere, from a place inside', () => {
    koffi.encode(block, 60, 'char', 'abc', 4);
    expect(koffi.decode(block, 60, 'char', -1)).toBe('abc');
    refused(() => koffi.decode(block, 65, 'char', -1));
  });

  test('the short forms of decode, where Koffi has them', () => {
    if (raw.decode.int === undefined) return;
    koffi.encode(block, 'char', 'abcd', 5);
    expect(koffi.decode.int(block)).toBe(0x64636261);
    expect(koffi.decode.string(block, 64).slice(0, 4)).toBe('abcd');
    refused(() => koffi.decode.string(block, 65));
    refused(() => koffi.decode.string16(block, 33));
  });

  test('an offset that is a bigint, where Koffi takes one', () => {
    if (isKoffi2) return;
    expect(koffi.decode(block, 60n, 'int')).toEqual(expect.any(Number));
    refused(() => koffi.decode(block, 61n, 'int'));
  });

  test('after resize() the bounds are others', () => {
    koffi.decode(block, 60, 'int');
    block.resize(32);
    refused(() => koffi.decode(block, 60, 'int'));
    block.resize(64);
    koffi.decode(block, 60, 'int');
  });

  test('what is no type Koffi complains of; what has ended we do', () => {
    expect(() => koffi.decode(block, 'no such type')).toThrow(/type/);
    block.dispose();
    expectRefusal(() => koffi.decode(block, 4096, 'int'), ReferenceError, 'ERR_TALLY_DISPOSED');
  });
});

describe('not checked', () => {
  test('what a size does not say: 0, a pointer into memory of another, a plain address', () => {
    const block = track(things.make(64), { size: 0, free: things.FREE });
    const inside = track(block.address, { size: 1, free: null, parent: block });
    for (const each of [block, inside, things.addressOf(block.address)]) {
      if (typeof each === 'bigint' && isKoffi2) continue;
      koffi.decode(each, 8, 'int');
    }
    block.dispose();
    inside.dispose();
  });

  test('what is declared to be there, though its size counts less', () => {
    const Point = unique('Point');
    koffi.struct(Point, { x: 'double', y: 'double' });
    const Owned = unique('OwnedPoint');
    koffi.owned(Owned, `${Point} *`, { free: 'thing_free', size: 1 });
    const point = library.func(`${Owned} thing_new(size_t bytes)`)(16);
    koffi.encode(point, Point, { x: 1, y: 2 });
    expect(koffi.decode(point, Point)).toEqual({ x: 1, y: 2 });
    refused(() => koffi.decode(point, 8, 'double'));
    point.dispose();
  });
});
