'use strict';
// Prototypes that Koffi's parser does not survive.

const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { declareThings, isKoffi2, koffi, ownedThing, things, unique } = require('./setup.js');
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
    expect(koffi.load('libc.so.6').func('char *! strdup(const char *text)')('text')).toBe('text');
  });
});
