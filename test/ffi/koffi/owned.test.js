'use strict';

const { promisify } = require('node:util');
const { runInNewContext } = require('node:vm');
const { POINTER, SIZE, TrackedPointer, collect, stats, track } = require('../../../lib');
const binding = require('../../../lib/binding');
const { Source } = require('../../../lib/ownership/declare/source.js');
const { boundByBudget, errorOf, expectBalance, expectRefusal } = require('../../support/balance.js');
const { counting, declareThings, isKoffi2, koffi, ownedThing, raw, things, unique } = require('./setup.js');
const { counters } = things;

const library = koffi.load(counting);
// macOS does not tell.
const testVariable = stats().backend === 'native' && process.platform !== 'darwin' ? test : test.skip;
const testBound = binding.canBind ? test : test.skip;

beforeEach(things.reset);
afterEach(expectBalance);

/** A function that makes things of a new owned type. */
function maker(options, prototype = (Owned) => `${Owned} thing_new(size_t bytes)`) {
  const { T, Owned } = ownedThing(options);
  return Object.assign(library.func(prototype(Owned)), { T, Owned });
}

describe('results', () => {
  test('are tracked pointers, labelled with the owned type', () => {
    const { make, Owned, id } = declareThings();
    const thing = make(100);
    expect(thing).toBeInstanceOf(TrackedPointer);
    expect(thing).toMatchObject({ label: Owned, size: 100, disposed: false });
    expect(typeof thing.address).toBe('bigint');
    expect(Number(id(thing))).toBeGreaterThan(0);
    expect(stats()).toMatchObject({ bytes: 100, pointers: 1 });
    thing.dispose();
    expect(counters()).toMatchObject({ made: 1, freed: 1 });
  });

  test('are collected inside a synchronous loop', () => {
    boundByBudget();
    const { make } = declareThings();
    for (let i = 0; i < 500; i++) make(2 ** 20);
    expect(counters().peak_bytes).toBeLessThan(256 * 2 ** 20);
    collect();
    expect(counters()).toMatchObject({ made: 500, freed: 500 });
  });

  test('of NULL are null, and measure, free and charge nothing', () => {
    const size = jest.fn(() => 1);
    const make = maker({ size });
    expect(make(0)).toBe(null);
    expect(size).not.toHaveBeenCalled();
    expect(stats()).toMatchObject({ bytes: 0, pointers: 0 });
  });

  test('in the classic form, with the type object as with its name', () => {
    const T = unique('Thing');
    const Owned = unique('Owned');
    const type = koffi.owned(Owned, koffi.pointer(koffi.opaque(T)), {
      free: 'thing_free',
      size: 'thing_size',
    });
    for (const result of [type, Owned]) {
      const thing = library.func('thing_new', result, ['size_t'])(10);
      expect(thing).toMatchObject({ label: Owned, size: 10 });
      thing.dispose();
    }
  });

  test('of two owned types over one C type have accounts of their own', () => {
    const T = unique('Thing');
    koffi.opaque(T);
    const names = [unique('Small'), unique('Large')];
    const made = names.map((name, i) => {
      koffi.owned(name, `${T} *`, { free: 'thing_free', size: i + 1 });
      return library.func(`${name} thing_new(size_t bytes)`)(10);
    });
    const sizes = Object.fromEntries(stats().accounts.map(({ label, bytes }) => [label, bytes]));
    expect(names.map((name) => sizes[name])).toEqual([1, 2]);
    made.forEach((thing) => thing.dispose());
  });

  test('of several functions and one type share an account', () => {
    const { make, Owned } = declareThings({ size: 5 });
    const parentNew = library.func(`${Owned} parent_new(size_t bytes)`);
    const pair = [make(1), parentNew(1)];
    expect(stats().accounts.filter(({ label }) => label === Owned)).toHaveLength(1);
    expect(stats().accounts.find(({ label }) => label === Owned)).toMatchObject({ bytes: 10, pointers: 2 });
    pair.forEach((thing) => thing.dispose());
  });
});

describe('invalid', () => {
  const address = things.make(1);
  // Gives the very thing that it is given.
  const same = (options) => maker(options, (Owned) => `${Owned} thing_interior(void *thing, size_t offset)`);

  test.each([
    ['a bigint', address],
    ['a number', Number(address)],
    ['a list', [-1n, address]],
    ['a function', (found) => found === address],
  ])('%s: null, and nothing is measured or freed', (_, invalid) => {
    const size = jest.fn(() => 1);
    expect(same({ size, invalid })(address, 0)).toBe(null);
    expect(size).not.toHaveBeenCalled();
    const { T, Owned } = ownedThing();
    const prototype = `${Owned} thing_interior(${T} *thing, size_t offset)`;
    expect(library.func(prototype, { invalid })(address, 0)).toBe(null);
    const free = 'thing_free';
    expect(library.func('void *thing_interior(void *t, size_t o)', { free, size, invalid })(address, 0)).toBe(
      null,
    );
    expect(size).not.toHaveBeenCalled();
    expect(counters().freed).toBe(0);
    expect(stats().pointers).toBe(0);
  });

  test('anything else is tracked, and NULL is null', () => {
    const make = maker({ invalid: [-1n, 1], size: 1 });
    expect(make(0)).toBe(null);
    make(10).dispose();
    expect(counters().freed).toBe(1);
  });

  test('through _Out_ and _Inout_, and from another thread', async () => {
    let found;
    const { Owned } = ownedThing({ size: 1, invalid: (given) => ((found = given), true) });
    const out = [null];
    library.func(`int thing_make(_Out_ ${Owned} *out, size_t bytes)`)(out, 10);
    expect(out).toEqual([null]);
    things.free(found);
    library.func(`int thing_replace(_Inout_ ${Owned} *inout, size_t bytes)`)(out, 10);
    expect(out).toEqual([null]);
    things.free(found);
    const make = library.func(`${Owned} thing_new(size_t bytes)`);
    const result = await new Promise((resolve) => make.async(10, (_, value) => resolve(value)));
    expect(result).toBe(null);
    things.free(found);
  });

  test.each([
    ['throws', () => { throw new RangeError('no'); }, RangeError, undefined], // prettier-ignore
    ['returns no boolean', () => 1, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
  ])('a function that %s: its error, and the pointer is freed', async (_, invalid, Type, code) => {
    const { Owned, T } = ownedThing({ size: 1, invalid });
    const make = library.func(`${Owned} thing_new(size_t bytes)`);
    expectRefusal(() => make(10), Type, code);
    await expect(promisify(make.async)(10)).rejects.toBeInstanceOf(Type);
    const out = [null];
    const store = library.func(`int thing_make(_Out_ ${Owned} *out, size_t bytes)`);
    expectRefusal(() => store(out, 10), Type, code);
    const child = library.func(`${T} *child_new(void *parent, size_t bytes)`, {
      ...{ free: 'child_free', size: 1, keeps: 0, invalid },
    });
    const parent = track(things.make(10), { size: 10, free: things.FREE });
    expectRefusal(() => child(parent, 10), Type, code);
    parent.dispose();
    expect(counters()).toMatchObject({ made: 5, freed: 5, orphans: 0 });
  });

  test.each([
    ['NULL, which is none anyway', 0n, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['an empty list', [], RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['too large', 2n ** 64n, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['too small', -(2n ** 63n) - 1n, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['a string', '-1', TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['null', null, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['a fraction', [-1n, 0.5], TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
  ])('%s is refused', (_, invalid, Type, code) => {
    expectRefusal(() => ownedThing({ invalid }), Type, code);
    const options = { free: 'thing_free', size: 1, invalid };
    expectRefusal(() => library.func('void *thing_new(size_t bytes)', options), Type, code);
  });

  test('for a result without an owner is refused', () => {
    const declare = () => library.func('void *thing_new(size_t bytes)', { invalid: -1 });
    expectRefusal(declare, TypeError, 'ERR_TALLY_UNSUPPORTED');
  });
});

describe('size', () => {
  test.each([
    ['a number', 123, 123],
    ['a bigint', 77n, 77],
    ['zero', 0, 0],
    ['the name of a C function', 'thing_size', 100],
    ['a function of the address', (address) => Number(things.id(address)) * 0 + 55, 55],
    ['a function that returns a bigint', () => 12n, 12],
  ])('%s', (_, size, expected) => {
    const thing = maker({ size })(100);
    expect(thing.size).toBe(expected);
    expect(stats().bytes).toBe(expected);
    thing.dispose();
  });

  test("'malloc' is what the allocator gave", () => {
    const thing = maker({ size: 'malloc' })(1000);
    expect(thing.size).toBeGreaterThanOrEqual(1000);
    expect(thing.size).toBeLessThan(1100);
    expect(thing.size).toBe(binding.usableSize(thing.address));
    thing.dispose();
  });

  test('a function gets the address and the arguments of the call', () => {
    const given = [];
    const size = (...args) => {
      given.push(args);
      return 7;
    };
    const grow = maker({ size }, (Owned) => `${Owned} thing_grow(void *thing, size_t bytes)`);
    const thing = grow(null, 50);
    expect(given).toEqual([[thing.address, null, 50]]);
    expect(typeof given[0][0]).toBe('bigint');
    thing.dispose();
  });

  test('a function gets tracked arguments as they were passed', () => {
    const { make, T } = declareThings();
    const size = jest.fn(() => 7);
    const interior = maker(
      { size, free: null },
      (Owned) => `${Owned} thing_interior(${T} *thing, size_t offset)`,
    );
    const thing = make(50);
    const inside = interior(thing, 10);
    expect(size).toHaveBeenCalledWith(inside.address, thing, 10);
    expect(size.mock.calls[0][1]).toBe(thing);
    inside.dispose();
    thing.dispose();
  });

  test('by default that of the struct', () => {
    const Struct = unique('Struct');
    const Owned = unique('Owned');
    koffi.struct(Struct, { a: 'int32_t', b: 'double' });
    koffi.owned(Owned, `${Struct} *`, { free: 'thing_free' });
    const thing = library.func(`${Owned} thing_new(size_t bytes)`)(100);
    expect(thing.size).toBe(16);
    thing.dispose();
  });

  const testRequired = binding.canPatch ? test.skip : test;
  testRequired('an opaque type has none: ERR_TALLY_SIZE_REQUIRED says what to write', () => {
    const T = unique('Thing');
    koffi.opaque(T);
    for (const base of [T, 'void']) {
      const error = expectRefusal(
        () => koffi.owned(unique('Owned'), `${base} *`, { free: 'thing_free' }),
        TypeError,
        'ERR_TALLY_SIZE_REQUIRED',
      );
      expect(error.message).toContain(base);
      for (const way of ['size: BYTES', "size: 'name_of_a_C_function'", 'size: (address', "size: 'malloc'"]) {
        expect(error.message).toContain(way);
      }
    }
  });

  test.each([
    ['that throws', () => { throw new Error('on purpose'); }, 'threw'], // prettier-ignore
    ['that throws something odd', () => { throw Object.create(null); }, 'threw'], // prettier-ignore
    ['that returns NaN', () => NaN, 'NaN'],
    ['that returns a fraction', () => 1.5, '1.5'],
    ['that returns less than nothing', () => -1, '-1'],
    ['that returns Infinity', () => Infinity, 'Infinity'],
    ['that returns too much', () => 2 ** 53, 'safe'],
    ['that returns a bigint too large', () => 2n ** 60n, 'safe'],
    ['that returns a string', () => '100', 'string'],
    ['that returns nothing', () => undefined, 'undefined'],
    ['that returns a promise', async () => 100, 'Promise'],
  ])('a function %s: the new pointer is freed first', (_, size, text) => {
    const make = maker({ size });
    const error = expectRefusal(() => make(100), Error, 'ERR_TALLY_SIZE');
    expect(error.message).toContain(make.Owned);
    expect(error.message).toContain(text);
    expect(error.message).toContain('freed');
    expect(counters()).toMatchObject({ made: 1, freed: 1, live: 0 });
  });

  test('the error of a size function is the cause', () => {
    const cause = new Error('on purpose');
    const make = maker({
      size: () => {
        throw cause;
      },
    });
    expect(errorOf(() => make(1)).cause).toBe(cause);
  });

  test('the pointer is freed before the error is seen, by a JavaScript destructor too', () => {
    const free = jest.fn((address) => things.free(address));
    const make = maker({ size: () => NaN, free });
    expectRefusal(() => make(1), Error, 'ERR_TALLY_SIZE');
    expect(free).toHaveBeenCalledTimes(1);
    expect(counters().live).toBe(0);
  });

  test('more than can be counted: freed, and told', () => {
    const make = maker({ size: () => Number.MAX_SAFE_INTEGER });
    const thing = make(1);
    expectRefusal(() => make(1), RangeError, 'ERR_TALLY_OVERFLOW');
    expect(counters()).toMatchObject({ made: 2, freed: 1 });
    thing.dispose();
  });
});

describe('free', () => {
  const POINTS = [
    ['the name of a C function', () => 'thing_free'],
    ['an address', () => things.FREE],
    ['a function of plain Koffi', () => things.free],
    ['a function of the drop-in', () => library.func('void thing_free(void *thing)')],
    ['a JavaScript function', () => (address) => things.free(address)],
  ];
  if (binding.canBind) {
    POINTS.push(
      ['a name with bound arguments', () => ({ symbol: 'thing_free_sized', args: [POINTER, SIZE] })],
      ['an address with bound arguments', () => ({ address: things.FREE_SIZED, args: [POINTER, SIZE] })],
    );
  }

  describe.each(POINTS)('%s', (_, free) => {
    test('from dispose', () => {
      const thing = maker({ free: free() })(100);
      thing.dispose();
      thing.dispose();
      expect(counters()).toMatchObject({ freed: 1 });
    });

    test('from a sweep', () => {
      const make = maker({ free: free() });
      (() => {
        for (let i = 0; i < 100; i++) make(100);
      })();
      collect();
      expect(counters()).toMatchObject({ made: 100, freed: 100 });
      expect(stats().totals.failed).toBe(0);
    });

    test('when the size cannot be had', () => {
      // Bound to its size, the destructor is told 0: there is none.
      const make = maker({ free: free(), size: () => NaN });
      expectRefusal(() => make(100), Error, 'ERR_TALLY_SIZE');
      expect(counters()).toMatchObject({ made: 1, freed: 1 });
      things.reset();
    });
  });

  testBound('a bound argument of any 64 bits', () => {
    const make = maker({ free: { symbol: 'thing_free_ctx', args: [-42n, POINTER] } });
    make(10).dispose();
    expect(counters()).toMatchObject({ freed: 1, last_context: -42 });
  });

  test('null frees nothing', () => {
    const thing = maker({ free: null })(100);
    const { address } = thing;
    thing.dispose();
    expect(counters()).toMatchObject({ live: 1, freed: 0 });
    things.free(address);
  });

  test('the C function gets exactly what C returned', () => {
    const given = [];
    const make = maker({ free: (address) => (given.push(address), things.free(address)) });
    const thing = make(10);
    const { address } = thing;
    thing.dispose();
    expect(given).toEqual([address]);
  });

  test('a name that the library does not have, when the function is declared', () => {
    const { Owned } = ownedThing({ free: 'no_such_function' });
    const error = expectRefusal(
      () => library.func(`${Owned} thing_new(size_t bytes)`),
      Error,
      'ERR_TALLY_UNKNOWN_SYMBOL',
    );
    expect(error.message).toContain('no_such_function');
    expect(error.message).toContain(Owned);
    expect(counters().made).toBe(0);
  });

  test('in place of the options, as koffi.disposable() has it: the error says what to write', () => {
    for (const type of ['void *', 'char *']) {
      const error = expectRefusal(
        () => koffi.owned(unique('Owned'), type, 'thing_free'),
        TypeError,
        'ERR_TALLY_INVALID_ARG_TYPE',
      );
      expect(error.message).toContain("such as { free: 'name_of_a_C_function' }");
    }
  });

  testVariable('a variable, which is no function to call: by name and by address', () => {
    const at = things.symbol('thing_free_variable');
    const expectError = (attempt) =>
      expect(expectRefusal(attempt, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE').message).toContain(
        'is a variable. If a function is in it, give that',
      );
    for (const options of [
      { free: 'thing_free_variable' },
      { free: { symbol: 'thing_free_variable', args: [POINTER] } },
      { size: 'thing_free_variable' },
    ]) {
      const { Owned } = ownedThing(options);
      expectError(() => library.func(`${Owned} thing_new(size_t bytes)`));
    }
    const called = library.func('void thing_free_variable(void *thing)');
    for (const free of [at, { address: at, args: [POINTER] }, called])
      expectError(() => ownedThing({ free }));
    expect(
      things.addressOf(raw.decode(things.library.symbol('thing_free_variable', 'void *'), 'void *')),
    ).toBe(things.FREE);
  });

  // Elsewhere than on Windows a name is looked up in what the library needs as well, so this is tried with its part.
  test('free(), which a library need not export: the error says what to write', () => {
    const source = new Source({}, () => true, { symbol: () => undefined });
    expect(() => source.destructor('free', { name: 'Owned' })).toThrow(
      /^Cannot find 'free', the destructor of 'Owned', in the library\. If it is that of C: free: koffi\.load\(.*\)\.symbol\('free'\)/,
    );
    expect(() => source.destructor('other_free', { name: 'Owned' })).toThrow(/in the library$/);
  });

  test('a size function that the library does not have', () => {
    const { Owned } = ownedThing({ size: 'no_such_function' });
    const error = expectRefusal(
      () => library.func(`${Owned} thing_new(size_t bytes)`),
      Error,
      'ERR_TALLY_UNKNOWN_SYMBOL',
    );
    expect(error.message).toContain('no_such_function');
  });
});

describe('parent', () => {
  function declareFamily(parent) {
    const { T, Owned, make } = declareThings({ free: 'parent_free' });
    const child = ownedThing({ free: 'child_free', parent });
    return { make, childNew: library.func(`${child.Owned} child_new(${T} *parent, size_t bytes)`), T, Owned };
  }

  test.each([
    ['the number of an argument', 0],
    ['a function of the address and the arguments', (address, parent) => parent],
  ])('%s', (_, parent) => {
    const { make, childNew } = declareFamily(parent);
    const mother = make(100);
    const child = childNew(mother, 10);
    mother.dispose();
    expect(counters()).toMatchObject({ live: 2, freed: 0 });
    expect(mother.disposed).toBe(true);
    child.dispose();
    expect(counters()).toMatchObject({ live: 0, freed: 2, orphans: 0 });
  });

  test('a child keeps its parent, of which nobody else knows', () => {
    const { make, childNew } = declareFamily(0);
    const children = [];
    (() => {
      for (let i = 0; i < 50; i++) children.push(childNew(make(100), 10));
    })();
    collect();
    expect(counters()).toMatchObject({ live: 100, freed: 0 });
    children.length = 0;
    collect();
    expect(counters()).toMatchObject({ live: 0, freed: 100, orphans: 0 });
  });

  test('what is not memory is refused where a function names it, and the child freed', () => {
    const { make, childNew } = declareFamily(() => 'parent');
    const parent = make(10);
    expectRefusal(() => childNew(parent, 10), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
    expect(counters()).toMatchObject({ made: 2, freed: 1 });
    parent.dispose();
  });

  test('a plain address is no parent', () => {
    const { childNew } = declareFamily(0);
    const mother = things.make(10);
    const child = childNew(mother, 10);
    child.dispose();
    things.free(mother);
  });

  test('a function that throws: the new pointer is freed', () => {
    const cause = new Error('on purpose');
    const { make, childNew } = declareFamily(() => {
      throw cause;
    });
    const mother = make(10);
    expect(errorOf(() => childNew(mother, 10))).toBe(cause);
    expect(counters()).toMatchObject({ made: 2, freed: 1 });
    mother.dispose();
  });

  test('a function that returns a pointer that has ended: the new pointer is freed', () => {
    const { make, childNew } = declareFamily(() => ended);
    const mother = make(10);
    const ended = make(10);
    ended.dispose();
    expectRefusal(() => childNew(mother, 10), ReferenceError, 'ERR_TALLY_DISPOSED');
    expect(counters()).toMatchObject({ made: 3, freed: 2 });
    mother.dispose();
  });
});

describe('for one function', () => {
  test('free and size', () => {
    const { T } = ownedThing();
    const make = library.func(`${T} *thing_new(size_t bytes)`, {
      free: 'thing_free',
      size: (_, bytes) => bytes,
    });
    const thing = make(64);
    expect(thing).toMatchObject({ label: 'thing_new()', size: 64 });
    thing.dispose();
    expect(counters()).toMatchObject({ freed: 1 });
  });

  class Options {
    free = 'thing_free';
    size = 5;
  }
  test.each([
    ['without a prototype', Object.assign(Object.create(null), { free: 'thing_free', size: 5 })],
    ['of a class', new Options()],
    ['of another realm', runInNewContext(`({ free: 'thing_free', size: 5 })`)],
    ['that are frozen', Object.freeze({ free: 'thing_free', size: 5 })],
    ['behind a Proxy', new Proxy({ free: 'thing_free', size: 5 }, {})],
  ])('options %s', (_, options) => {
    for (const declaration of [['void *thing_new(size_t bytes)'], ['thing_new', 'void *', ['size_t']]]) {
      const thing = library.func(...declaration, options)(64);
      expect(thing).toMatchObject({ label: 'thing_new()', size: 5 });
      thing.dispose();
    }
    expect(counters()).toMatchObject({ freed: 2, live: 0 });
  });

  test('free and size, of a type that no owned type knows', () => {
    const make = library.func('thing_new', 'void *', ['size_t'], { free: 'thing_free', size: 'malloc' });
    const thing = make(64);
    expect(thing.size).toBeGreaterThanOrEqual(64);
    thing.dispose();
    expect(counters()).toMatchObject({ freed: 1 });
  });

  test('a size in place of that of the owned type', () => {
    const { Owned } = ownedThing({ size: 1 });
    const thing = library.func(`${Owned} thing_new(size_t bytes)`, { size: 2 })(10);
    expect(thing).toMatchObject({ label: Owned, size: 2 });
    thing.dispose();
  });

  test('a parent', () => {
    const { T, make } = declareThings();
    const childNew = library.func(`${T} *child_new(${T} *parent, size_t bytes)`, {
      free: 'child_free',
      size: 10,
      parent: 0,
    });
    const mother = make(10);
    const child = childNew(mother, 10);
    mother.dispose();
    child.dispose();
    expect(counters()).toMatchObject({ freed: 2, orphans: 0 });
  });

  test('keeps: a pointer into the memory of another', () => {
    const { T, make } = declareThings();
    const interior = library.func(`void *thing_interior(${T} *thing, size_t offset)`, { keeps: 0 });
    const ownerId = library.func('int64_t thing_owner_id(void *interior)');
    let thing = make(100);
    const id = things.id(thing.address);
    const inside = interior(thing, 50);
    expect(inside).toMatchObject({ size: 0 });
    expect(interior(thing, 100)).toBe(null);
    thing = null;
    collect();
    expect(ownerId(inside)).toBe(id);
    expect(stats()).toMatchObject({ bytes: 100, pointers: 2 });
    inside.dispose();
    collect();
    expect(counters()).toMatchObject({ freed: 1, freed_underfoot: 0 });
  });

  test('keeps: disposed first, what it points into stays until then', () => {
    const { T, make } = declareThings();
    const interior = library.func(`void *thing_interior(${T} *thing, size_t offset)`, { keeps: 0 });
    const thing = make(100);
    const inside = interior(thing, 50);
    thing.dispose();
    expect(counters().live).toBe(1);
    inside.dispose();
    expect(counters().live).toBe(0);
  });

  test('resizes: measured again after the call', () => {
    const { T, make } = declareThings();
    const enlarge = library.func(`void thing_enlarge(${T} *thing, size_t bytes)`, { resizes: 0 });
    const thing = make(100);
    enlarge(thing, 1000);
    expect(thing.size).toBe(1100);
    expect(stats().bytes).toBe(1100);
    const plain = things.make(10);
    enlarge(plain, 10);
    things.free(plain);
    thing.dispose();
  });

  test('resizes: a size function that fails is told, and the pointer lives on', () => {
    let bytes = 5;
    const { T, make } = declareThings({ size: () => bytes });
    const enlarge = library.func(`void thing_enlarge(${T} *thing, size_t bytes)`, { resizes: 0 });
    const thing = make(100);
    bytes = -1;
    const error = errorOf(() => enlarge(thing, 1000));
    expect(error.code).toBe('ERR_TALLY_SIZE');
    expect(error.message).not.toContain('the pointer was freed');
    expect(thing).toMatchObject({ disposed: false, size: 5 });
    expect(counters().live).toBe(1);
    thing.dispose();
  });
});

describe('bad declarations', () => {
  const opaque = unique('Bad');
  koffi.opaque(opaque);
  const good = { free: 'thing_free', size: 1 };

  test.each([
    ['a number for the name', [7, 'void *', good], TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['an empty name', ['', 'void *', good], TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['the name of a plain pointer', ['void *', 'void *', good], RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    [
      'that of a plain string',
      ['char *', 'char *', { free: 'free' }],
      RangeError,
      'ERR_TALLY_INVALID_ARG_VALUE',
    ],
    ['no options', ['X1', 'void *'], TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['null for the options', ['X1', 'void *', null], TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    [
      'a destructor in place of the options',
      ['X1', 'void *', 'free'],
      TypeError,
      'ERR_TALLY_INVALID_ARG_TYPE',
    ],
    ['an unknown option', ['X1', 'void *', { ...good, frees: 1 }], TypeError, 'ERR_TALLY_UNKNOWN_OPTION'],
    ['no free', ['X1', 'void *', { size: 1 }], TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['a number for free', ['X1', 'void *', { free: 7, size: 1 }], TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['NULL for free', ['X1', 'void *', { free: 0n, size: 1 }], RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    [
      'an empty name for free',
      ['X1', 'void *', { free: '', size: 1 }],
      RangeError,
      'ERR_TALLY_INVALID_ARG_VALUE',
    ],
    ['a number as symbol', ['X1', 'void *', { free: { symbol: 7, args: [] }, size: 1 }], TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'], // prettier-ignore
    ['bound arguments that are no array', ['X1', 'void *', { free: { symbol: 'f', args: 7 }, size: 1 }], TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'], // prettier-ignore
    ['a string as bound argument', ['X1', 'void *', { free: { symbol: 'f', args: ['x'] }, size: 1 }], TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'], // prettier-ignore
    ['a bound argument beyond 64 bits', ['X1', 'void *', { free: { symbol: 'f', args: [2n ** 64n] }, size: 1 }], RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'], // prettier-ignore
    [
      'a negative size',
      ['X1', 'void *', { free: null, size: -1 }],
      RangeError,
      'ERR_TALLY_INVALID_ARG_VALUE',
    ],
    [
      'a fractional size',
      ['X1', 'void *', { free: null, size: 0.5 }],
      RangeError,
      'ERR_TALLY_INVALID_ARG_VALUE',
    ],
    ['NaN for size', ['X1', 'void *', { free: null, size: NaN }], RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    [
      'an empty name for size',
      ['X1', 'void *', { free: null, size: '' }],
      RangeError,
      'ERR_TALLY_INVALID_ARG_VALUE',
    ],
    [
      'an object for size',
      ['X1', 'void *', { free: null, size: {} }],
      TypeError,
      'ERR_TALLY_INVALID_ARG_TYPE',
    ],
    ['null for size', ['X1', 'void *', { free: null, size: null }], TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    [
      'a negative parent',
      ['X1', 'void *', { ...good, parent: -1 }],
      RangeError,
      'ERR_TALLY_INVALID_ARG_VALUE',
    ],
    [
      'a string for parent',
      ['X1', 'void *', { ...good, parent: 'db' }],
      TypeError,
      'ERR_TALLY_INVALID_ARG_TYPE',
    ],
    ['a type that is no pointer', ['X1', 'double', good], TypeError, 'ERR_TALLY_UNSUPPORTED'],
    ['an opaque type without the star', ['X1', opaque, good], TypeError, 'ERR_TALLY_UNSUPPORTED'],
  ])('%s', (_, args, Class, code) => {
    if (code === 'ERR_TALLY_INVALID_ARG_VALUE' && args[2]?.free?.symbol && !binding.canBind) return;
    expectRefusal(() => koffi.owned(...args), Class, code);
    // Nothing was declared.
    expect(() => raw.sizeof('X1')).toThrow();
  });

  test('a type that Koffi does not know: its own complaint', () => {
    const type = unique('Nowhere');
    const expected = errorOf(() => raw.introspect(`${type} *`));
    const error = errorOf(() => koffi.owned(unique('Owned'), `${type} *`, good));
    expect(error.message).toBe(expected.message);
    expect(error.message).toContain(type);
    expect(error.code).toBe(undefined);
  });

  test('a name that exists with another meaning: both are named, and the first stays', () => {
    const { Owned, T } = ownedThing({ size: 3 });
    const other = unique('Other');
    koffi.opaque(other);
    for (const [type, options, said] of [
      [`${T} *`, { free: null, size: 9 }, '{ free: null, size: 9 }'],
      [`${T} *`, { free: 'thing_free', size: () => 3 }, '() => 3'],
      [`${other} *`, { free: 'thing_free', size: 3 }, `'${other} *'`],
    ]) {
      const error = expectRefusal(
        () => koffi.owned(Owned, type, options),
        RangeError,
        'ERR_TALLY_INVALID_ARG_VALUE',
      );
      expect(error.message).toContain(`'${Owned}' exists as '${T} *' { free: 'thing_free', size: 3 }`);
      expect(error.message).toContain(said);
    }
    const thing = library.func(`${Owned} thing_new(size_t bytes)`)(1);
    expect(thing.size).toBe(3);
    thing.dispose();
  });

  test('a string and a pointer of the same name: both are named, and the first stays', () => {
    const { Owned, T } = ownedThing({ size: 3 });
    const Text = unique('Text');
    koffi.owned(Text, 'char *', { free: 'thing_free' });
    for (const [name, type, first, second] of [
      [Owned, 'char *', `${T} *`, 'char *'],
      [Text, `${T} *`, 'char *', `${T} *`],
    ]) {
      const error = expectRefusal(
        () => koffi.owned(name, type, { free: 'thing_free', ...(name === Text && { size: 3 }) }),
        RangeError,
        'ERR_TALLY_INVALID_ARG_VALUE',
      );
      expect(error.message).toContain(`'${name}' exists as '${first}' {`);
      expect(error.message).toContain(`not as '${second}' {`);
    }
    library.func(`${Owned} thing_new(size_t bytes)`)(1).dispose();
    expect(library.func(`${Text} thing_text(size_t length)`)(3)).toHaveLength(3);
  });

  test('a name that is that of another type: its own complaint', () => {
    const { T } = ownedThing();
    const error = errorOf(() => koffi.owned(T, `${T} *`, { free: null, size: 9 }));
    expect(error.message).toMatch(/[Dd]uplicate/);
  });

  test('declared again with the same meaning, by functions that read the same', () => {
    const [T, Owned, Text] = ['Thing', 'Owned', 'Text'].map(unique);
    koffi.opaque(T);
    for (let i = 0; i < 3; i++) {
      koffi.owned(Owned, `${T} *`, { free: 'thing_free', size: (address, bytes) => bytes });
      koffi.owned(Text, 'char *', { free: 'thing_free' });
      const thing = library.func(`${Owned} thing_new(size_t bytes)`)(20);
      expect(thing).toMatchObject({ label: Owned, size: 20 });
      thing.dispose();
      expect(library.func(`${Text} thing_text(size_t length)`)(3)).toHaveLength(3);
    }
    expect(counters()).toMatchObject({ made: 6, freed: 6 });
    expectRefusal(
      () => koffi.owned(Text, 'char *', { free: 'free' }),
      RangeError,
      'ERR_TALLY_INVALID_ARG_VALUE',
    );
  });

  const declare = (options, prototype = 'void *thing_new(size_t bytes)') => library.func(prototype, options);

  test.each([
    ['an unknown option', { frees: 1 }, TypeError, 'ERR_TALLY_UNKNOWN_OPTION'],
    ['null for options', null, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['keeps that is no number', { keeps: 'x' }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['keeps of an argument that there is not', { keeps: 1 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['a negative keeps', { keeps: -1 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['resizes that is no number', { resizes: null }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['resizes of an argument that there is not', { resizes: 1 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ...(binding.canPatch
      ? []
      : [['free without size of void', { free: 'thing_free' }, TypeError, 'ERR_TALLY_SIZE_REQUIRED']]),
    ['a bad free', { free: 7, size: 1 }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['a bad size', { free: null, size: -1 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['size without free', { size: 5 }, TypeError, 'ERR_TALLY_UNSUPPORTED'],
    ['parent without free', { parent: 0 }, TypeError, 'ERR_TALLY_UNSUPPORTED'],
    ['parent and keeps', { free: null, size: 1, parent: 0, keeps: 0 }, TypeError, 'ERR_TALLY_UNSUPPORTED'],
    ['parent of an argument that there is not', { free: null, size: 1, parent: 1 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'], // prettier-ignore
    [
      'a destructor that the library has not',
      { free: 'no_such', size: 1 },
      Error,
      'ERR_TALLY_UNKNOWN_SYMBOL',
    ],
  ])('for one function: %s', (_, options, Class, code) => {
    expectRefusal(() => declare(options), Class, code);
  });

  test('for one function: ownership of what is no pointer', () => {
    const error = expectRefusal(
      () => declare({ free: 'thing_free', size: 1 }, 'double thing_id(void *thing)'),
      TypeError,
      'ERR_TALLY_UNSUPPORTED',
    );
    expect(error.message).toContain('thing_id()');
    expectRefusal(
      () => declare({ keeps: 0 }, 'int64_t thing_id(void *thing)'),
      TypeError,
      'ERR_TALLY_UNSUPPORTED',
    );
  });

  test.each([
    ['an owned type', (Owned) => [`${Owned}! thing_new(size_t bytes)`]],
    ['with a convention', (Owned) => [`${Owned} !__cdecl thing_new(size_t bytes)`]],
    ['in the classic form', (Owned) => ['thing_new', `${Owned}!`, ['size_t']]],
    // Koffi 2 crashes over it at exit, and what coverage has counted would be lost.
    ...(isKoffi2 && process.env.NODE_V8_COVERAGE
      ? []
      : [['an owned string', (_, Text) => [`${Text}! thing_text(size_t length)`]]]),
    [
      'with a destructor of its own',
      () => ['void *! thing_new(size_t bytes)', { free: 'thing_free', size: 1 }],
    ],
    ['kept by an argument', () => ['void *! thing_interior(void *thing, size_t offset)', { keeps: 0 }]],
  ])('what Koffi would free at once: %s', (_, declaration) => {
    const { Owned } = ownedThing();
    const Text = unique('Text');
    koffi.owned(Text, 'char *', { free: 'thing_free' });
    const declare = () => library.func(...declaration(Owned, Text));
    expect(expectRefusal(declare, TypeError, 'ERR_TALLY_UNSUPPORTED').message).toContain('!');
  });

  const itKoffi3 = isKoffi2 ? test.skip : test; // Koffi 2 does not tell
  itKoffi3('what Koffi would free at once: a type object', () => {
    const type = koffi.disposable('void *', () => {});
    const options = { free: 'thing_free', size: 1 };
    const declare = () => library.func('thing_new', type, ['size_t'], options);
    expectRefusal(declare, TypeError, 'ERR_TALLY_UNSUPPORTED');
  });

  test('for one function: a second destructor', () => {
    const { Owned } = ownedThing();
    const error = expectRefusal(
      () => declare({ free: 'free', size: 1 }, `${Owned} thing_new(size_t bytes)`),
      TypeError,
      'ERR_TALLY_UNSUPPORTED',
    );
    expect(error.message).toContain(Owned);
  });
});

test('a pointer tracked by hand has no owned type and goes everywhere', () => {
  const { id } = declareThings();
  const thing = track(things.make(10), { size: 10, free: things.FREE });
  expect(Number(id(thing))).toBeGreaterThan(0);
  thing.dispose();
});
