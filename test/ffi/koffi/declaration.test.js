'use strict';
// Prototypes that Koffi's parser does not survive.

const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { declareThings, isKoffi2, koffi, ownedThing, things, unique } = require('./setup.js');
const { libc, posix, windows } = require('../../support/platform.js');
const { counters } = things;

beforeEach(things.reset);
afterEach(expectBalance);

test.each([
  ['const Unknown *thing', /Unknown or invalid type name/],
  ['const Unknown thing', /Unknown or invalid type name/],
  ['Unknown *const thing', /Unknown or invalid type name/],
  ['const struct Unknown *thing', /Unknown or invalid type name/],
])('a type of which only const is left: %s', (parameter, message) => {
  const { library } = declareThings();
  expect(() => library.func(`int64_t thing_id(${parameter})`)).toThrow(message);
  for (const proto of [koffi.proto, koffi.callback ?? koffi.proto]) {
    expect(() => proto(`int64_t ${unique('Id')}(${parameter})`)).toThrow(message);
  }
});

describe.each(['prototype', 'classic form'])('const anywhere, in a %s', (form) => {
  const declare = (library, result, name, parameter, options) =>
    form === 'prototype'
      ? library.func(`${result} ${name}(${parameter} p)`, options)
      : library.func(name, result, [parameter], options);

  test.each(['T *const', 'const T *const', 'T const *', 'T const * const'])('%s borrows', (written) => {
    const { T, make, library } = declareThings();
    const id = declare(library, 'const int64_t', 'thing_id', written.replace('T', T));
    const thing = make(10);
    expect(Number(id(thing))).toBeGreaterThan(0);
    thing.dispose();
  });

  test.each(['Owned const', 'const Owned'])('%s takes', (written) => {
    const { Owned, make, library } = declareThings();
    const free = declare(library, 'void', 'thing_free', written.replace('Owned', Owned));
    const thing = make(10);
    free(thing);
    expect(thing.disposed).toBe(true);
    expect(counters()).toMatchObject({ freed: 1, double_frees: 0 });
  });

  test('a result gives', () => {
    const { library, Owned } = declareThings();
    const thing = declare(library, `${Owned} const`, 'thing_new', 'size_t const')(10);
    expect(thing.label).toBe(Owned);
    thing.dispose();
  });

  test.each(['const Owned *', 'Owned const *', 'Owned const *const'])(
    'an array that C only reads: %s',
    (written) => {
      const { Owned, library } = declareThings();
      expect(typeof declare(library, 'int64_t', 'thing_id', written.replace('Owned', Owned))).toBe(
        'function',
      );
    },
  );

  test.each(['Owned *', 'Owned *const'])('an array that it may change: %s', (written) => {
    const { Owned, library } = declareThings();
    expectRefusal(
      () => declare(library, 'int64_t', 'thing_id', written.replace('Owned', Owned)),
      Error,
      'ERR_TALLY_UNSUPPORTED',
    );
  });
});

describe('an array of pointers as a parameter', () => {
  test.each([
    '*const things[]',
    '*things[]',
    '*const things[2]',
    '*const things [ ]',
    'const *const things[]',
    '*[]',
  ])('%s', (written) => {
    const { T, library, make } = declareThings();
    const sum = library.func(`int things_values(${T} ${written}, int count)`);
    const all = [make(10), make(20)];
    const [first, second] = all.map((thing) => Number(things.id(thing.address)));
    expect(Number(sum(all, 2))).toBe(first + 2 * second);
    for (const thing of all) thing.dispose();
  });

  test('of an owned type that C reads, the last one, and in a callback', () => {
    const { Owned, library, make } = declareThings();
    const sum = library.func(`int things_values(const ${Owned} *const things, int count)`);
    const thing = make(10);
    expect(Number(sum([thing], 1))).toBe(Number(things.id(thing.address)));
    koffi.proto(`int ${unique('Main')}(int count, char *const arguments[])`);
    thing.dispose();
  });

  (windows ? test.skip : test)('of strings', () => {
    const getopt = koffi
      .load(libc)
      .func('int getopt(int count, char *const arguments[], const char *options)');
    expect(getopt(2, ['program', '-a', null], 'a')).toBe('a'.charCodeAt(0));
  });

  test('Koffi says what to write for others', () => {
    const { library } = declareThings();
    expect(() => library.func('int things_values(int things[2], int count)')).toThrow('use pointers');
  });
});

describe("'!' behind what is no pointer", () => {
  const struct = unique('Pair');
  koffi.struct(struct, { a: 'void *', b: 'void *' });
  const { library } = declareThings();

  test.each([
    ['a struct', () => koffi.owned(unique('OwnedPair'), struct, { free: 'thing_free' }).name ?? struct],
    ['a struct of the program', () => struct],
    ['an integer', () => 'int'],
    ...(isKoffi2
      ? []
      : [['an owned integer', () => koffi.owned(unique('Fd'), 'int', { free: 'close' }).name]]),
  ])('%s', (_, nameOf) => {
    const name = nameOf();
    for (const definition of [`${name} !thing_new(int a)`, `int thing_id(${name}! a)`]) {
      expectRefusal(() => library.func(definition), Error, 'ERR_TALLY_UNSUPPORTED');
    }
  });

  test("what Koffi frees itself stays Koffi's", () => {
    ownedThing();
    const duplicate = koffi.load(libc).func(`char *! ${posix('strdup')}(const char *text)`);
    expect(duplicate('text')).toBe('text');
  });
});
