'use strict';
// Tracked pointers in arrays and in members of structs, as arguments.

const { promisify } = require('node:util');
const { collect } = require('../../../lib');
const { errorOf, expectBalance, expectRefusal } = require('../../support/balance.js');
const { counting, declareThings, koffi, raw, things, unique } = require('./setup.js');

const library = koffi.load(counting);
const { counters } = things;

beforeEach(things.reset);
afterEach(expectBalance);

function declare() {
  const { T, Owned, make } = declareThings();
  const [Pair, Outer] = ['Pair', 'Outer'].map(unique);
  koffi.struct(Pair, { first: `${T} *`, second: `${T} *`, ms: 'int' });
  koffi.struct(Outer, { n: 'int', pair: Pair, list: koffi.array(`${T} *`, 2), more: `${Pair} *` });
  return { T, Owned, Pair, Outer, make };
}

describe.each([
  ['in a prototype', (name, types) => library.func(`int ${name}(${types.join(', ')})`)],
  ['in the classic form', (name, types) => library.func(name, 'int', types)],
])('%s', (_, declared) => {
  test('an array', () => {
    const { T, make } = declare();
    const values = declared('things_values', [`${T} **`, 'int']);
    const list = [make(10), make(20), make(30)];
    const expected = values(
      list.map(({ address }) => address),
      3,
    );
    expect(values(list, 3)).toBe(expected);
    expect(values([list[0], list[1].address, list[2]], 3)).toBe(expected);
    for (const thing of list) thing.dispose();
    expectRefusal(() => values(list, 3), ReferenceError, 'ERR_TALLY_DISPOSED');
  });

  test('an array of an owned type that C only reads', async () => {
    const { Owned, T, make } = declare();
    const values = declared('things_values', [`const ${Owned} *`, 'int']);
    const plain = declared('things_values', [`${T} **`, 'int']);
    const list = [make(10), make(20), make(30)];
    const expected = plain(list, 3);
    expect(values(list, 3)).toBe(expected);
    expect(values([list[0], list[1].address, list[2]], 3)).toBe(expected);
    expect(values(null, 0)).toBe(plain(null, 0));
    const later = promisify(values.async)(list, 3);
    for (const thing of list) thing.dispose();
    expect(await later).toBe(expected);
    expect(counters().freed).toBe(3);
    expectRefusal(() => values(list, 3), ReferenceError, 'ERR_TALLY_DISPOSED');
    const { make: other } = declare();
    const stranger = other(10);
    expectRefusal(() => values([stranger], 1), TypeError, 'ERR_TALLY_TYPE_MISMATCH');
    stranger.dispose();
  });

  test('a struct, by address and by value', () => {
    const { Pair, make } = declare();
    const byAddress = declared('pair_values', [`const ${Pair} *`]);
    const byValue = declared('pair_values_by_value', [Pair]);
    const [first, second] = [make(10), make(20)];
    const expected = byAddress({ first: first.address, second: second.address, ms: 0 });
    for (const values of [byAddress, byValue]) {
      expect(values({ first, second, ms: 0 })).toBe(expected);
      expect(values({ first, second: second.address, ms: 0 })).toBe(expected);
    }
    const pair = { first, second, ms: 0 };
    byAddress(pair);
    expect(pair).toEqual({ first, second, ms: 0 });
    for (const thing of [first, second]) thing.dispose();
  });

  test('what says something else each time is asked once, also where the call holds it', async () => {
    const { Pair, T, make } = declare();
    const types = [`const ${Pair} *`];
    const plain = declared('pair_values', types);
    const values = [plain, declared('pair_values_by_value', [Pair]), promisify(plain.async)];
    const [thing, other] = [make(10), make(20)];
    const expected = plain({ first: thing, second: other, ms: 0 });
    for (const value of values) {
      let asked = 0;
      const pair = {
        get first() {
          return asked++ === 0 ? thing : null;
        },
        get second() {
          return asked++ === 1 ? other.address : null;
        },
        ms: 0,
      };
      expect([await value(pair), asked]).toEqual([expected, 2]);
    }
    const list = [thing];
    let asked = 0;
    Object.defineProperty(list, 0, { get: () => (asked++ === 0 ? thing : 1n) });
    declared('things_values', [`${T} **`, 'int'])(list, 1);
    expect(asked).toBe(1);
    for (const each of [thing, other]) each.dispose();
  });

  test('memory in place of a struct', () => {
    const { Pair, make } = declare();
    const values = declared('pair_values', [`const ${Pair} *`]);
    const thing = make(10);
    const expected = values({ first: thing, second: thing, ms: 0 });
    const memory = new BigUint64Array([thing.address, thing.address, 0n]);
    expect(values(memory)).toBe(expected);
    expect(values(memory.buffer)).toBe(expected);
    thing.dispose();
  });

  test('on another thread: not freed meanwhile', async () => {
    const { Pair, make } = declare();
    const values = promisify(declared('pair_values', [`const ${Pair} *`]).async);
    const [first, second] = [make(10), make(20)];
    const result = values({ first, second, ms: 100 });
    first.dispose();
    second.dispose();
    expect(counters()).toMatchObject({ live: 2, freed: 0 });
    expect(await result).toBeGreaterThan(0);
    collect();
    expect(counters()).toMatchObject({ live: 0, freed: 2, freed_underfoot: 0 });
  });
});

test('deep in a struct', () => {
  const { Outer, make } = declare();
  const values = library.func(`int outer_values(const ${Outer} *outer)`);
  const list = [1, 2, 3, 4, 5, 6].map(make);
  const [a, b, c, d, e, f] = list;
  const outer = (first, second, third, fourth, fifth, sixth) => ({
    n: 2,
    pair: { first, second, ms: 0 },
    list: [third, fourth],
    more: { first: fifth, second: sixth, ms: 0 },
  });
  expect(values(outer(a, b, c, d, e, f))).toBe(values(outer(...list.map(({ address }) => address))));
  for (const thing of list) thing.dispose();
});

test('a pointer of another type: refused', () => {
  const { Pair, make } = declare();
  const { make: makeOther } = declareThings();
  const values = library.func(`int pair_values(const ${Pair} *pair)`);
  const [first, second] = [make(10), makeOther(10)];
  const error = expectRefusal(() => values({ first, second, ms: 0 }), TypeError, 'ERR_TALLY_TYPE_MISMATCH');
  expect(error.message).toContain('what is in argument 0 of pair_values()');
  first.dispose();
  second.dispose();
});

test('disposed of in a callback: freed when the call has returned', () => {
  const { Pair, make } = declare();
  const name = unique('Callback');
  koffi.proto(`int ${name}(void *thing, int value)`);
  const call = library.func(`int pair_call(const ${Pair} *pair, ${name} *callback)`);
  const [first, second] = [make(10), make(20)];
  const callback = () => {
    first.dispose();
    second.dispose();
    collect();
    return counters().freed;
  };
  expect(call({ first, second, ms: 0 }, callback)).toBe(0);
  expect(counters()).toMatchObject({ freed: 2, freed_underfoot: 0 });
});

test('what Koffi refuses', () => {
  const { Pair } = declare();
  const [ours, theirs] = [koffi.load(counting), raw.load(counting)].map((each) =>
    each.func(`int pair_values(const ${Pair} *pair)`),
  );
  for (const value of ['text', { first: {}, second: null, ms: 0 }]) {
    expect(() => ours(value)).toThrow(errorOf(() => theirs(value)).message);
  }
});

describe('owned members of a struct that C only reads', () => {
  function declareOwning() {
    const { T, Owned, make } = declareThings();
    const Pair = unique('Pair');
    koffi.struct(Pair, { first: Owned, second: Owned, ms: 'int' });
    return { T, Owned, Pair, make };
  }

  test.each([
    ['by address', (Pair) => [`int pair_values(const ${Pair} *pair)`]],
    ['by address, _In_', (Pair) => [`int pair_values(_In_ const ${Pair} *pair)`]],
    ['by address, in the classic form', (Pair) => ['pair_values', 'int', [`const ${Pair} *`]]],
    ['by value', (Pair) => [`int pair_values_by_value(const ${Pair} pair)`]],
  ])('%s: they are lent', async (_, declaration) => {
    const { Pair, make } = declareOwning();
    const values = library.func(...declaration(Pair));
    const [first, second] = [make(10), make(20)];
    const expected = values({ first: first.address, second: second.address, ms: 0 });
    expect(values({ first, second, ms: 0 })).toBe(expected);
    const later = promisify(values.async)({ first, second, ms: 20 });
    for (const each of [first, second]) each.dispose();
    expect(counters().freed).toBe(0);
    expect(await later).toBe(expected);
    expect(counters()).toMatchObject({ freed: 2, freed_underfoot: 0 });
    expectRefusal(() => values({ first, second, ms: 0 }), ReferenceError, 'ERR_TALLY_DISPOSED');
    const other = declareThings().make(10);
    expectRefusal(() => values({ first: other, second: other, ms: 0 }), TypeError, 'ERR_TALLY_TYPE_MISMATCH');
    other.dispose();
  });

  test('deep in there, and in arrays', () => {
    const { T, Owned, Pair, make } = declareOwning();
    const [Plain, Outer] = ['Plain', 'Outer'].map(unique);
    koffi.struct(Plain, { first: `${T} *`, second: `${T} *`, ms: 'int' });
    koffi.struct(Outer, { n: 'int', pair: Pair, list: koffi.array(Owned, 2), more: `${Plain} *` });
    const values = library.func(`int outer_values(const ${Outer} *outer)`);
    const [first, second] = [make(10), make(20)];
    const outer = (one, two) => {
      const pair = { first: one, second: two, ms: 0 };
      return { n: 1, pair, list: [two, one], more: pair };
    };
    expect(values(outer(first, second))).toBe(values(outer(first.address, second.address)));
    for (const each of [first, second]) each.dispose();
  });

  test('one that C may free is refused, and says what to write', () => {
    const { Pair } = declareOwning();
    for (const prototype of [`int pair_values(${Pair} *pair)`, `int pair_values_by_value(${Pair} pair)`]) {
      const error = expectRefusal(() => library.func(prototype), TypeError, 'ERR_TALLY_UNSUPPORTED');
      expect(error.message).toContain(`write 'const'`);
    }
  });
});
