'use strict';
// Ownership in the prototypes of functions that are known by their address: koffi.call(), and what koffi.decode() makes.

const { promisify } = require('node:util');
const { TrackedPointer, collect, track } = require('../../../lib');
const binding = require('../../../lib/binding');
const { canCount } = require('../../../lib/ownership/size/ways');
const { errorOf, expectBalance, expectRefusal } = require('../../support/balance.js');
const {
  counting,
  counting2,
  declareThings,
  isKoffi2,
  koffi,
  ownedThing,
  raw,
  things,
  unique,
} = require('./setup.js');

const library = koffi.load(counting);
const { counters } = things;

beforeEach(things.reset);
afterEach(expectBalance);

const addressOf = (name) => (isKoffi2 ? library.symbol(name, 'void *') : library.symbol(name));

/** A prototype, in both forms. */
const FORMS = [
  ['in a prototype', (result, types) => koffi.proto(`${result} ${unique('Proto')}(${types.join(', ')})`)],
  [
    'in the classic form',
    (result, types) => {
      const marked = types.map((type) =>
        type.startsWith('_Out_ ') ? koffi.out(koffi.pointer(type.slice(6, -2))) : type,
      );
      return koffi.proto(unique('Proto'), result, marked);
    },
  ],
];

// With the name of the destructor its library is known. Of an address any of those that are loaded may be the maker's.
(canCount() ? test : test.skip)('what counts the bytes of a pointer is never another library', () => {
  const other = koffi.load(counting2);
  const Owned = unique('Owned');
  koffi.owned(Owned, 'void *', { free: addressOf('thing_free') });
  const type = koffi.proto(`${Owned} ${unique('Proto')}(size_t)`);
  const make = () => koffi.call(addressOf('thing_new'), type, 10);
  const error = errorOf(make);
  other.unload();
  expect(error.code).toBe('ERR_TALLY_UNSUPPORTED');
  expect(error.message).toContain(`'${Owned}'`);
  expect(counters().made).toBe(0);
});

describe.each(FORMS)('%s', (_, proto) => {
  describe.each([
    [
      'koffi.call()',
      (name, type) =>
        (...args) =>
          koffi.call(addressOf(name), type, ...args),
    ],
    ['koffi.decode()', (name, type) => koffi.decode(addressOf(name), type)],
  ])('%s', (__, function_) => {
    test('C gives, borrows and takes', () => {
      const { T, Owned } = declareThings();
      const make = function_('thing_new', proto(Owned, ['size_t']));
      const value = function_('thing_value', proto('int', [`${T} *`]));
      const free = function_('thing_free', proto('void', [Owned]));
      const [first, second] = [make(10), make(20)];
      expect(first).toBeInstanceOf(TrackedPointer);
      expect(second).toMatchObject({ label: Owned, size: 20 });
      expect(value(first)).toBe(value(first.address));
      expect(make(0)).toBe(null);
      free(first);
      expect(first.disposed).toBe(true);
      second.dispose();
      expect(counters()).toMatchObject({ made: 2, freed: 2 });
      expectRefusal(() => value(first), ReferenceError, 'ERR_TALLY_DISPOSED');
    });

    test('C gives through a pointer', () => {
      const { Owned } = declareThings();
      const type = proto('int', [`_Out_ ${Owned} *`, 'size_t']);
      if (isKoffi2) {
        const error = errorOf(() => function_('thing_make', type)([null], 30));
        expect(error.message).toContain('Use Koffi 3');
        return;
      }
      const make = function_('thing_make', type);
      const out = [null];
      expect(make(out, 30)).toBe(0);
      expect(out[0]).toMatchObject({ label: Owned, size: 30 });
      out[0].dispose();
    });

    test('a string', () => {
      const Text = unique('Text');
      koffi.owned(Text, 'char *', { free: 'thing_free' });
      expect(function_('thing_text', proto(Text, ['size_t']))(3)).toBe('xxx');
      expect(counters()).toMatchObject({ made: 1, freed: 1 });
    });

    test('a pointer of another type', () => {
      const { T } = declareThings();
      const { make } = declareThings();
      const value = function_('thing_value', proto('int', [`${T} *`]));
      const thing = make(10);
      expectRefusal(() => value(thing), TypeError, 'ERR_TALLY_TYPE_MISMATCH');
      thing.dispose();
    });
  });

  test('on another thread', async () => {
    const { T, make } = declareThings();
    const sum = promisify(koffi.decode(addressOf('thing_sum_slow'), proto('int', [`${T} *`, 'int'])).async);
    const thing = make(10);
    const result = sum(thing, 50);
    thing.dispose();
    expect(counters()).toMatchObject({ live: 1 });
    expect(await result).toBeGreaterThan(0);
    collect();
    expect(counters()).toMatchObject({ live: 0, freed_underfoot: 0 });
  });
});

test('a variadic one', () => {
  const { make } = declareThings();
  const type = koffi.proto(`int ${unique('Proto')}(const char *script, void *thing, ...)`);
  const thing = make(10);
  expect(koffi.call(addressOf('thing_act'), type, 'b.>', thing, 'int', 7)).toBe(0);
  expect(koffi.decode(addressOf('thing_act'), type)('b.>', thing, 'int', 7)).toBe(0);
  thing.dispose();
});

test('by the name of the prototype', () => {
  const { Owned } = declareThings();
  const name = unique('Proto');
  koffi.proto(`${Owned} ${name}(size_t bytes)`);
  const thing = koffi.call(addressOf('thing_new'), name, 10);
  expect(thing.label).toBe(Owned);
  thing.dispose();
});

test('a type that is declared after the first call', () => {
  const T = unique('Late');
  koffi.opaque(T);
  const type = koffi.proto(`int ${unique('Proto')}(${T} *thing)`);
  const value = (thing) => koffi.call(addressOf('thing_value'), type, thing);
  const plain = things.make(10);
  expect(value(plain)).toBeGreaterThan(0);
  const Owned = unique('Owned');
  koffi.owned(Owned, `${T} *`, { free: 'thing_free', size: 10 });
  const thing = library.func(`${Owned} thing_new(size_t bytes)`)(10);
  expect(value(thing)).toBeGreaterThan(0);
  thing.dispose();
  things.free(plain);
});

test('a pointer of track()', () => {
  const type = koffi.proto(`int ${unique('Proto')}(void *thing)`);
  const thing = track(things.make(10), { size: 10, free: things.symbol('thing_free') });
  expect(koffi.call(addressOf('thing_value'), type, thing)).toBeGreaterThan(0);
  thing.dispose();
  expectRefusal(
    () => koffi.call(addressOf('thing_value'), type, thing),
    ReferenceError,
    'ERR_TALLY_DISPOSED',
  );
});

test('a destructor that no library has, and one that several have', () => {
  const { Owned } = ownedThing({ free: 'no_such_function', size: 1 });
  const make = (type) => koffi.call(addressOf('thing_new'), type, 10);
  const none = koffi.proto(`${Owned} ${unique('Proto')}(size_t bytes)`);
  expectRefusal(() => make(none), Error, 'ERR_TALLY_UNKNOWN_SYMBOL');
  const { Owned: Other } = ownedThing({ size: 1 });
  const several = koffi.proto(`${Other} ${unique('Proto')}(size_t bytes)`);
  const second = koffi.load(counting2);
  const error = expectRefusal(() => make(several), TypeError, 'ERR_TALLY_UNSUPPORTED');
  expect(error.message).toContain("its address as 'free'");
  second.unload();
  make(several).dispose();
});

test('what Koffi itself refuses', () => {
  const { T } = declareThings();
  const type = koffi.proto(`int ${unique('Proto')}(${T} *thing)`);
  for (const args of [['text'], [{}]]) {
    expect(errorOf(() => koffi.call(addressOf('thing_value'), type, ...args)).message).toBe(
      errorOf(() => raw.call(addressOf('thing_value'), type, ...args)).message,
    );
  }
  expect(() => koffi.call(addressOf('thing_value'), 'int', 1)).toThrow(/type/);
  expect(() => koffi.call(addressOf('thing_value'), type)).toThrow(/arguments/);
  expect(() => koffi.call('text', type, 1)).toThrow(/Unexpected String value/);
});

describe('a destructor that is called by hand', () => {
  const { glibcVersionRuntime } = process.report.getReport().header;
  const isGlibc = binding.backend === 'native' && glibcVersionRuntime !== undefined;
  (isGlibc ? test : test.skip)(
    'of libc, looked up in libc and in the program, where it has another address',
    () => {
      const Block = unique('Block');
      koffi.owned(Block, 'void *', { free: 'free', size: 1 });
      const places = [koffi.load('libc.so.6'), koffi.load(null)];
      const frees = places.map((place) => place.func('void free(void *block)'));
      for (const place of places) {
        const malloc = place.func(`${Block} malloc(size_t size)`);
        for (const free of frees) {
          const block = malloc(10);
          free(block);
          expect(block.disposed).toBe(true);
        }
      }
      const [free] = frees;
      const own = koffi.alloc('int', 4, { owned: true });
      free(own);
      expect(own.disposed).toBe(true);
    },
  );
});

test('a prototype takes no options: they would have no effect', () => {
  const unsupported = [TypeError, 'ERR_TALLY_UNSUPPORTED'];
  const error = expectRefusal(
    () => koffi.proto(`int ${unique('Close')}(void *thing)`, { free: 'thing_free', keeps: 0 }),
    ...unsupported,
  );
  expect(error.message).toContain(`('free', 'keeps')`);
  expectRefusal(() => koffi.proto(unique('Close'), 'int', ['void *'], { most: 1 }), ...unsupported);
  expect(koffi.proto(unique('Close'), 'int', ['void *'])).toBeDefined();
});
