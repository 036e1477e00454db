'use strict';

const { promisify } = require('node:util');
const { ADDRESS_OF, POINTER, TrackedPointer, collect, configure, stats, track } = require('../../../lib');
const binding = require('../../../lib/binding');
const { errorOf, expectBalance, expectRefusal } = require('../../support/balance.js');
const { runChild } = require('../../support/child.js');
const inChildren = require('../../support/in-children.js');
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
const platform = require('../../support/platform.js');
const { counters } = things;

const library = koffi.load(counting);

beforeEach(things.reset);
afterEach(expectBalance);

/** A callback type `int (T *, int)`, by name. */
function callbackType(T) {
  const name = unique('Callback');
  koffi.proto(`int ${name}(${T} *thing, int value)`);
  return name;
}

/** declareThings(), with a function that calls back while C uses the thing. */
function declareCall(options) {
  const declared = declareThings(options);
  const { T } = declared;
  return {
    ...declared,
    call: library.func(`int thing_call(${T} *thing, ${callbackType(T)} *callback, int value)`),
  };
}

describe('borrow', () => {
  test('where the plain pointer type is declared, or void *', () => {
    const { T, make, id } = declareThings();
    const anyId = library.func('int64_t thing_id(void *thing)');
    const classicId = library.func('thing_id', 'int64_t', [koffi.pointer(T)]);
    const thing = make(100);
    const expected = Number(things.id(thing.address));
    expect([id, anyId, classicId].map((func) => Number(func(thing)))).toEqual([expected, expected, expected]);
    expect(thing.disposed).toBe(false);
    thing.dispose();
  });

  test('of a const pointer', () => {
    const { T, make } = declareThings();
    const value = library.func(`int thing_value(const ${T} *thing)`);
    const thing = make(100);
    expect(value(thing)).toBe(Number(things.id(thing.address)));
    thing.dispose();
  });

  test('everything else goes to Koffi as it is', () => {
    const { id, size } = declareThings();
    const thing = things.make(100);
    const buffer = Buffer.alloc(8);
    expect(Number(id(thing))).toBe(Number(things.id(thing)));
    expect(Number(size(thing))).toBe(100);
    for (const value of [null, buffer, 0]) expect(Number(id(value))).toBe(-1);
    things.free(thing);
    things.reset();
  });

  test.each([1, 2, 3, 4, 5, 6, 8])('with %i arguments, at each place', (length) => {
    const { T, make } = declareThings();
    const buffer = Buffer.alloc(64);
    const libc = koffi.load(platform.libc);
    const types = ['_Out_ uint8_t *out', 'size_t size', 'const char *format', ...'abcde'.split('').map((n) => `void *${n}`)]; // prettier-ignore
    // snprintf is variadic in C: on the ABIs where that makes a difference, pointers cannot be declared like this.
    if (length < 4) {
      const memcpy = { 1: `int thing_value(${T} *t)`, 2: `void *thing_interior(${T} *t, size_t o)`, 3: null }[
        length
      ];
      if (memcpy === null) return;
      const thing = make(64);
      const args = [thing, 0].slice(0, length);
      expect(library.func(memcpy)(...args)).not.toBe(null);
      thing.dispose();
      return;
    }
    if (process.platform !== 'linux' || process.arch !== 'x64') return;
    const print = libc.func(`int snprintf(${types.slice(0, length).join(', ')})`);
    for (let at = 3; at < length; at++) {
      const thing = make(64);
      const rest = Array.from({ length: length - 3 }, (_, i) => (i + 3 === at ? thing : null));
      const text = `0x${thing.address.toString(16)}`;
      print(buffer, 64, '%p'.repeat(length - 3), ...rest);
      expect(buffer.toString('latin1')).toContain(text);
      thing.dispose();
      expect(() => print(buffer, 64, '%p', ...rest)).toThrow(ReferenceError);
    }
  });

  test('after the end: ERR_TALLY_DISPOSED, and C hears nothing', () => {
    const { make, id } = declareThings();
    const thing = make(100);
    thing.dispose();
    const error = expectRefusal(() => id(thing), ReferenceError, 'ERR_TALLY_DISPOSED');
    expect(error.message).toContain('thing_id()');
    expect(counters().freed_underfoot).toBe(0);
  });

  test('a wrong number of arguments is told by Koffi itself', () => {
    const { make, id, T } = declareThings();
    const interior = library.func(`void *thing_interior(${T} *thing, size_t offset)`);
    const thing = make(1);
    const expected = errorOf(() => things.id());
    for (const [func, args] of [
      [id, []],
      [interior, [thing]],
    ]) {
      const error = errorOf(() => func(...args));
      expect(error.constructor.name).toBe(expected.constructor.name);
      expect(error.message).toMatch(/^Expected \d+ arguments, got \d+$/);
    }
    thing.dispose();
  });

  test('a struct by pointer, owned or as an object', () => {
    const Pair = unique('Pair');
    const Owned = unique('Owned');
    koffi.struct(Pair, { a: 'int64_t', b: 'int64_t' });
    koffi.owned(Owned, `${Pair} *`, { free: 'thing_free' });
    const make = library.func(`${Owned} thing_new(size_t bytes)`);
    const libc = koffi.load(platform.libc);
    const compare = libc.func(`int memcmp(${Pair} *a, ${Pair} *b, size_t size)`);
    const pair = make(16);
    koffi.encode(pair, Pair, { a: 1, b: 2 });
    expect(compare(pair, { a: 1, b: 2 }, 16)).toBe(0);
    expect(compare({ a: 1, b: 3 }, pair, 16)).not.toBe(0);
    pair.dispose();
  });
});

describe('another type', () => {
  test('is a TypeError that names both types and the function', () => {
    const a = declareThings();
    const b = declareThings();
    const thing = a.make(100);
    const error = expectRefusal(() => b.id(thing), TypeError, 'ERR_TALLY_TYPE_MISMATCH');
    expect(error.message).toContain(`'${a.Owned}'`);
    expect(error.message).toContain(`'${b.T} *'`);
    expect(error.message).toContain('thing_id()');
    expect(Number(a.id(thing))).toBeGreaterThan(0);
    expect(() => b.id(thing)).toThrow(TypeError);
    thing.dispose();
  });

  test('where ownership is taken: the owned type counts', () => {
    const { T, make, Owned } = declareThings();
    const Other = unique('Other');
    koffi.owned(Other, `${T} *`, { free: 'thing_free', size: 1 });
    const take = library.func(`void thing_free(${Other} thing)`);
    const thing = make(100);
    const error = expectRefusal(() => take(thing), TypeError, 'ERR_TALLY_TYPE_MISMATCH');
    for (const part of [`'${Owned}'`, `'${Other}'`, 'thing_free()']) expect(error.message).toContain(part);
    expect(thing.disposed).toBe(false);
    thing.dispose();
  });

  test('a pointer owned as void * goes everywhere, and every pointer goes to void *', () => {
    const any = unique('Any');
    koffi.owned(any, 'void *', { free: 'thing_free', size: 1 });
    const { id, make, size } = declareThings();
    const [one, other] = [library.func(`${any} thing_new(size_t bytes)`)(10), make(20)];
    expect(Number(id(one))).toBe(Number(things.id(one.address)));
    expect(Number(size(one))).toBe(10);
    expect(Number(size(other))).toBe(20);
    one.dispose();
    other.dispose();
  });

  test.each(['int', 'double', 'const uint8_t', 'char *', 'void *', 'T *', 'T'])(
    'such as to %s *, of which nothing is owned',
    (base) => {
      const T = unique('Unowned');
      koffi.opaque(T);
      const any = unique('Any');
      koffi.owned(any, 'void *', { free: 'thing_free', size: 1 });
      const make = library.func(`${any} thing_new(size_t bytes)`);
      const id = library.func(`int64_t thing_id(${base.replace('T', T)} *thing)`);
      const thing = make(10);
      expect(Number(id(thing))).toBe(Number(things.id(thing.address)));
      thing.dispose();
      expectRefusal(() => id(thing), ReferenceError, 'ERR_TALLY_DISPOSED');
    },
  );

  test('of other arguments nothing is consumed', () => {
    const { T, Owned, make } = declareThings();
    const other = declareThings();
    const both = library.func(`void thing_free_ctx(${T} *context, ${Owned} thing)`);
    const [context, thing] = [other.make(1), make(1)];
    expectRefusal(() => both(context, thing), TypeError, 'ERR_TALLY_TYPE_MISMATCH');
    expect(thing.disposed).toBe(false);
    context.dispose();
    thing.dispose();
  });
});

describe('consume', () => {
  function declareTake(options) {
    const declared = declareThings(options);
    const { Owned } = declared;
    return {
      ...declared,
      take: library.func(`void thing_free(${Owned} thing)`),
      takeTwo: library.func(`void thing_free_ctx(int64_t context, ${Owned} thing)`),
    };
  }

  test.each([
    ['alone', ({ take }, thing) => take(thing)],
    ['beside others', ({ takeTwo }, thing) => takeTwo(7, thing)],
  ])('%s: ended, its charge returned, its destructor not run', (_, give) => {
    const free = jest.fn();
    const declared = declareTake({ free });
    const thing = declared.make(100);
    expect(give(declared, thing)).toBe(undefined);
    expect(thing.disposed).toBe(true);
    expect(stats()).toMatchObject({ bytes: 0, pointers: 0 });
    expect(counters()).toMatchObject({ freed: 1, double_frees: 0 });
    collect();
    expect(free).not.toHaveBeenCalled();
    expectRefusal(() => declared.id(thing), ReferenceError, 'ERR_TALLY_DISPOSED');
    expectRefusal(() => give(declared, thing), ReferenceError, 'ERR_TALLY_DISPOSED');
    expect(() => thing.dispose()).not.toThrow();
    expect(counters()).toMatchObject({ freed: 1, double_frees: 0 });
  });

  test('what is not tracked goes to C as it is', () => {
    const { take, takeTwo } = declareTake();
    take(things.make(1));
    takeTwo(1, things.make(1));
    take(null);
    takeTwo(1, null);
    expect(counters()).toMatchObject({ made: 2, freed: 2 });
  });

  test('what Koffi returned elsewhere is taken too', () => {
    const { take } = declareTake();
    take(things.makeRaw(1));
    expect(counters()).toMatchObject({ freed: 1 });
  });

  test('Koffi refuses another argument: nothing is lost', () => {
    const { takeTwo, make, id } = declareTake();
    const thing = make(100);
    const error = errorOf(() => takeTwo('no number', thing));
    expect(error.code).toBe(undefined);
    expect(error.message).toMatch(/Unexpected String value/);
    expect(thing).toMatchObject({ disposed: false, size: 100 });
    expect(Number(id(thing))).toBeGreaterThan(0);
    expect(stats()).toMatchObject({ bytes: 100, pointers: 1 });
    thing.dispose();
  });

  test('too few arguments: nothing is lost', () => {
    const { takeTwo, take, make } = declareTake();
    const thing = make(100);
    expect(() => takeTwo(thing)).toThrow(/Expected 2 arguments, got 1/);
    expect(() => take()).toThrow(/Expected 1 arguments, got 0/);
    expect(thing.disposed).toBe(false);
    thing.dispose();
  });

  test('a callback throws: C had the pointer, so it is not freed again', () => {
    const { T, Owned, make, library: lib } = declareThings();
    const call = lib.func(`int thing_call(${Owned} thing, ${callbackType(T)} *callback, int value)`);
    const thing = make(100);
    const cause = new Error('on purpose');
    const { address } = thing;
    const error = errorOf(
      () =>
      call(thing, () => { throw cause; }, 1), // prettier-ignore
    );
    expect(error).toBe(cause);
    expect(thing.disposed).toBe(true);
    expect(stats().pointers).toBe(0);
    expect(counters().live).toBe(1);
    things.free(address); // as C would have
  });

  test('a registered callback throws: the same', () => {
    const { T, Owned, make, library: lib } = declareThings();
    const type = callbackType(T);
    const call = lib.func(`int thing_call(${Owned} thing, ${type} *callback, int value)`);
    const callback = koffi.register(() => { throw new Error('on purpose'); }, `${type} *`); // prettier-ignore
    const thing = make(100);
    const { address } = thing;
    expect(() => call(thing, callback, 1)).toThrow('on purpose');
    expect(thing.disposed).toBe(true);
    koffi.unregister(callback);
    things.free(address);
  });

  describe('the same pointer twice', () => {
    const callsOf = ({ T, Owned }) => ({
      'taken by two': [
        library.func(`void thing_free_ctx(${Owned} a, ${Owned} b)`),
        (thing) => [thing, thing],
        /as argument 1 of thing_free_ctx\(\): it is argument 0, too/,
      ],
      'taken and replaced': [
        library.func(`void thing_free_ctx(${Owned} a, _Inout_ ${Owned} *b)`),
        (thing) => [thing, [thing]],
        /as argument 1 .*: it is argument 0, too/,
      ],
      'replaced twice': [
        library.func(`void thing_freep(_Inout_ ${Owned} *things)`),
        (thing) => [[thing, thing]],
        /as argument 0 .*: it is there twice/,
      ],
      'taken and kept by the result': [
        library.func(`void *thing_free_ctx(${Owned} a, ${T} *b)`, { keeps: 1 }),
        (thing) => [thing, thing],
        /as argument 0 .*: it is argument 1, too/,
      ],
      'taken and kept for ever': [
        library.func(`void thing_free_ctx(${Owned} a, ${T} *b)`, { keeps: { forever: 1 } }),
        (thing) => [thing, thing],
        /as argument 0 .*: it is argument 1, too/,
      ],
    });
    test.each(Object.keys(callsOf(ownedThing())))('%s', (name) => {
      const declared = declareThings();
      const [func, argumentsWith, message] = callsOf(declared)[name];
      const thing = declared.make(100);
      const error = expectRefusal(() => func(...argumentsWith(thing)), Error, 'ERR_TALLY_GIVEN_TWICE');
      expect(error.message).toMatch(message);
      expect(error.message).toMatch(declared.Owned);
      expect(thing.disposed).toBe(false);
      expect(counters().freed).toBe(0);
      thing.dispose();
    });

    test('taken and borrowed by another thread', () => {
      const { T, Owned, make } = declareThings();
      const func = library.func(`void thing_free_ctx(${Owned} a, ${T} *b)`);
      const thing = make(100);
      expectRefusal(() => func.async(thing, thing, () => {}), Error, 'ERR_TALLY_GIVEN_TWICE');
      thing.dispose();
    });

    test('what has ended, or is needed, is what it was', () => {
      const { Owned, make } = declareThings();
      const func = library.func(`void thing_free_ctx(${Owned} a, ${Owned} b)`);
      const [thing, other] = [make(100), make(100)];
      const needs = track(4096n, { size: 1, free: null, parent: thing });
      expectRefusal(() => func(other, thing), Error, 'ERR_TALLY_IN_USE');
      for (const each of [needs, other, thing]) each.dispose();
      expectRefusal(() => func(thing, thing), ReferenceError, 'ERR_TALLY_DISPOSED');
    });
  });

  test('taken and borrowed in one call', () => {
    const { T, Owned, make } = declareThings();
    const takeAndUse = library.func(`void thing_free_ctx(${T} *context, ${Owned} thing)`);
    const useAndTake = library.func(`void *thing_free_ctx(${Owned} context, ${T} *thing)`);
    const thing = make(100);
    takeAndUse(thing, thing);
    expect(counters()).toMatchObject({ freed: 1, double_frees: 0 });
    expect(thing.disposed).toBe(true);
    const other = make(100);
    useAndTake(other, other);
    expect(other.disposed).toBe(true);
    expect(counters()).toMatchObject({ freed: 2, double_frees: 0 });
  });

  test('one that others depend on: ERR_TALLY_IN_USE, which says what to do', () => {
    const { Owned, T, make, take } = declareTake({ free: 'parent_free' });
    const child = ownedThing({ free: 'child_free', parent: 0 });
    const childNew = library.func(`${child.Owned} child_new(${T} *parent, size_t bytes)`);
    const [mother, other] = [make(10), make(10)];
    const kid = childNew(mother, 10);
    const takeTwo = library.func(`void thing_free_ctx(${Owned} a, ${Owned} b)`);
    // thing_free() is no destructor of this type, so C wants to keep what it is given.
    for (const attempt of [() => take(mother), () => takeTwo(other, mother), () => takeTwo(mother, other)]) {
      const error = expectRefusal(attempt, Error, 'ERR_TALLY_IN_USE');
      expect(error.message).toContain(Owned);
      expect(error.message).toContain('dispose()');
    }
    expect([mother.disposed, other.disposed, kid.disposed]).toEqual([false, false, false]);
    expect(counters().freed).toBe(0);
    kid.dispose();
    take(mother);
    other.dispose();
    expect(counters()).toMatchObject({ freed: 3, orphans: 0 });
  });

  test('the charge of a child that C takes goes, and its parent is free again', () => {
    const { T, make } = declareThings({ free: 'parent_free' });
    const child = ownedThing({ free: 'thing_free', parent: 0 });
    const childNew = library.func(`${child.Owned} child_new(${T} *parent, size_t bytes)`);
    const take = library.func(`void child_free(${child.Owned} child)`);
    const mother = make(10);
    const kid = childNew(mother, 10);
    mother.dispose();
    expect(counters().freed).toBe(0);
    take(kid);
    expect(counters()).toMatchObject({ freed: 2, orphans: 0 });
  });

  test('a result and a taken argument at once', () => {
    const { Owned, make } = declareThings();
    const grow = library.func(`${Owned} thing_grow(${Owned} thing, size_t bytes)`);
    const small = make(100);
    const id = things.id(small.address);
    const large = grow(small, 100_000);
    expect(small.disposed).toBe(true);
    expect(large).toMatchObject({ size: 100_000, label: Owned });
    expect(things.id(large.address)).toBe(id);
    expect(stats()).toMatchObject({ bytes: 100_000, pointers: 1 });
    const first = grow(null, 10);
    first.dispose();
    large.dispose();
    expect(counters()).toMatchObject({ freed: 2 });
  });
});

describe('the declared destructor, called by hand', () => {
  const forms = [
    ['with the plain pointer type', ({ T }) => `void thing_free(${T} *thing)`],
    ['with void *', () => 'void thing_free(void *thing)'],
    ['with the owned type', ({ Owned }) => `void thing_free(${Owned} thing)`],
  ];

  test.each(forms)('%s: a dispose', (_, prototype) => {
    const declared = declareThings();
    const free = library.func(prototype(declared));
    const { disposed } = stats().totals;
    const thing = declared.make(100);
    free(thing);
    expect(thing.disposed).toBe(true);
    expect(counters()).toMatchObject({ freed: 1, double_frees: 0 });
    expect(stats().totals.disposed).toBe(disposed + 1);
    expect(stats()).toMatchObject({ bytes: 0, pointers: 0 });
    thing.dispose();
    expectRefusal(() => free(thing), ReferenceError, 'ERR_TALLY_DISPOSED');
    collect();
    expect(counters()).toMatchObject({ freed: 1, double_frees: 0 });
  });

  test.each(['void *', 'T *'])('of a result that is owned by itself, declared with %s: a dispose', (type) => {
    const T = unique('Thing');
    koffi.opaque(T);
    const make = library.func('void *thing_new(size_t bytes)', { free: 'thing_free_slow', size: 1 });
    const free = library.func(`void thing_free_slow(${type.replace('T', T)}thing)`);
    const thing = make(100);
    free(thing);
    expect(thing.disposed).toBe(true);
    thing.dispose();
    expect(counters()).toMatchObject({ freed: 1, double_frees: 0 });
  });

  describe.each([
    ['the name', 'thing_free'],
    ['its address', things.symbol('thing_free')],
    ['its address with arguments', { address: things.symbol('thing_free'), args: [POINTER] }],
    ['its name with arguments', { symbol: 'thing_free', args: [POINTER] }],
    ['a declared function', library.func('void thing_free(void *thing)')],
  ])('given as %s', (_, free) => {
    const makers = [
      ['an owned type', () => declareThings({ free, size: 1 }).make],
      ['a function', () => library.func('void *thing_new(size_t bytes)', { free, size: 1 })],
    ];
    const testOf = typeof free === 'object' && !binding.canBind ? test.skip : test;

    testOf.each(makers)('to %s: a dispose, whenever the function was declared', async (__, maker) => {
      const before = library.func('void thing_free(void *thing)');
      const make = maker();
      const after = library.func('void thing_free(void *thing)');
      const freedAsync = (thing) => new Promise((resolve) => after.async(thing, resolve));
      for (const byHand of [before, after, freedAsync]) {
        const { disposed } = stats().totals;
        const thing = make(100);
        await byHand(thing);
        expect(thing.disposed).toBe(true);
        expect(stats().totals.disposed).toBe(disposed + 1);
      }
      expect(counters()).toMatchObject({ made: 3, freed: 3, double_frees: 0 });
    });
  });

  test('of track(), and of a library that is not that of the pointer', () => {
    const T = unique('Thing');
    koffi.opaque(T);
    const other = koffi.load(counting);
    koffi.owned(unique('Owned'), `${T} *`, { free: null, size: 0 });
    const free = other.func(`void thing_free(${T} *thing)`);
    const thing = track(things.make(10), { size: 10, free: things.symbol('thing_free') });
    free(thing);
    expect(thing.disposed).toBe(true);
    expect(counters()).toMatchObject({ freed: 1, double_frees: 0 });
  });

  test('another function of the same name is not taken for it', () => {
    const { T, make } = declareThings();
    const id = koffi.load(counting2).func(`void thing_free(${T} *thing)`); // its books know nothing of this thing
    const thing = make(100);
    id(thing);
    expect(thing.disposed).toBe(false);
    thing.dispose();
    expect(counters()).toMatchObject({ made: 1, freed: 1, double_frees: 0 });
  });

  (binding.canBind ? test : test.skip)('with other arguments beside the pointer, wherever it stands', () => {
    const { T, make } = declareThings({ free: { symbol: 'thing_free_ctx', args: [7, POINTER] } });
    const free = library.func(`void thing_free_ctx(void *context, ${T} *thing)`);
    const [thing, mother] = [make(100), make(100)];
    free(8, thing);
    expect(thing.disposed).toBe(true);
    expect(counters()).toMatchObject({ freed: 1, last_context: 8 });
    free(mother, thing.disposed ? null : thing); // in another place it is borrowed
    expect(mother.disposed).toBe(false);
    const kid = track(1n, { size: 0, free: null, parent: mother });
    free(8, mother); // freed after the kid, as its type says
    expect(counters().freed).toBe(1);
    kid.dispose();
    expect(counters()).toMatchObject({ freed: 2, last_context: 7, double_frees: 0 });
  });

  (binding.canBind ? describe : describe.skip)('that says whether it has freed', () => {
    const refuse = library.func('void things_refuse(int result)');
    afterEach(() => refuse(0));

    const declarations = [
      ['with the plain pointer type', ({ T }) => `int thing_close(${T} *thing)`],
      ['with the owned type', ({ Owned }) => `int thing_close(${Owned} thing)`],
      ['with void *, after an argument that it ignores', () => 'int thing_close(void *thing, int more)'],
    ];
    test.each(declarations)('%s', async (_, prototype) => {
      const declared = declareThings({ free: { symbol: 'thing_close', ok: 0, retry: true }, size: 1 });
      const close = library.func(prototype(declared));
      const { failed } = stats().totals;
      const thing = declared.make(10);
      const closeAsync = (...args) =>
        new Promise((resolve) =>
          close.async(...args.slice(0, close.info.arguments.length), (error, result) => resolve(result)),
        );
      refuse(5);
      for (const byHand of [close, closeAsync]) expect(await byHand(thing, 1)).toBe(5);
      expect([thing.disposed, stats().bytes, stats().totals.failed]).toEqual([false, 1, failed + 2]);
      refuse(0);
      expect(close(thing, 1)).toBe(0);
      expect(thing.disposed).toBe(true);
      expect(counters()).toMatchObject({ made: 1, freed: 1 });
    });

    test('a function that returns bool', () => {
      const free = { symbol: 'thing_close_bool', ok: true, retry: true };
      const { T, make } = declareThings({ free, size: 1 });
      const close = library.func(`bool thing_close_bool(${T} *thing)`);
      const { failed } = stats().totals;
      const thing = make(10);
      refuse(5);
      expect([close(thing), thing.disposed, stats().totals.failed]).toEqual([false, false, failed + 1]);
      refuse(0);
      expect([close(thing), thing.disposed, stats().totals.failed]).toEqual([true, true, failed + 1]);
    });

    test('without retry it has ended, and counts as failed', () => {
      const { T, make } = declareThings({ free: { symbol: 'thing_lose', ok: 0 }, size: 1 });
      const { failed } = stats().totals;
      const thing = make(10);
      expect(library.func(`int thing_lose(${T} *thing)`)(thing)).toBe(-1);
      expect([thing.disposed, stats().totals.failed]).toEqual([true, failed + 1]);
      expect(counters()).toMatchObject({ freed: 1 });
    });
  });

  (binding.canBind ? test : test.skip)('that takes the address of a place: a dispose', () => {
    const { make, Owned } = declareThings({ free: { symbol: 'thing_freep', args: [ADDRESS_OF] } });
    const free = library.func(`void thing_freep(_Inout_ ${Owned} *place)`);
    const { disposed } = stats().totals;
    const place = [make(10)];
    const [thing] = place;
    free(place);
    expect([place[0], thing.disposed, stats().totals.disposed]).toEqual([null, true, disposed + 1]);
    expect(counters()).toMatchObject({ freed: 1 });
  });

  test.each(forms)('%s: while others depend on it, freed after them', (_, prototype) => {
    const declared = declareThings();
    const free = library.func(prototype(declared));
    const child = ownedThing({ free: 'child_free', parent: 0 });
    const childNew = library.func(`${child.Owned} child_new(${declared.T} *parent, size_t bytes)`);
    const mother = declared.make(100);
    const kid = childNew(mother, 10);
    free(mother);
    expect(mother.disposed).toBe(true);
    expect(counters()).toMatchObject({ live: 2, freed: 0 });
    kid.dispose();
    expect(counters()).toMatchObject({ live: 0, freed: 2, orphans: 0, double_frees: 0 });
  });

  test.each(forms)('%s: while C uses it, freed after the call', (_, prototype) => {
    const declared = declareCall();
    const free = library.func(prototype(declared));
    const thing = declared.make(100);
    let during;
    declared.call(thing, () => (free(thing), (during = counters().live), 0), 1);
    expect(during).toBe(1);
    expect(counters()).toMatchObject({ live: 0, freed: 1, freed_underfoot: 0 });
  });

  test('in the classic form', () => {
    const { T, make } = declareThings();
    const free = library.func('thing_free', 'void', [koffi.pointer(T)]);
    free(make(100));
    expect(counters()).toMatchObject({ freed: 1 });
  });

  test('a pointer without an owner is simply freed', () => {
    const { T } = declareThings();
    library.func(`void thing_free(${T} *thing)`)(things.make(10));
    expect(counters()).toMatchObject({ freed: 1 });
  });

  test('with a pointer of another type: refused', () => {
    const a = declareThings();
    const b = declareThings();
    const thing = a.make(10);
    const free = library.func(`void thing_free(${b.T} *thing)`);
    expectRefusal(() => free(thing), TypeError, 'ERR_TALLY_TYPE_MISMATCH');
    thing.dispose();
  });

  test('koffi.free() is a dispose, whatever the destructor', () => {
    const { make } = declareThings();
    const thing = make(100);
    koffi.free(thing);
    koffi.free(thing);
    expect(thing.disposed).toBe(true);
    expect(counters()).toMatchObject({ freed: 1, double_frees: 0 });
  });

  test('koffi.free() of anything else is that of Koffi', () => {
    const block = koffi.alloc('char', 100);
    expect(koffi.free(block)).toBe(undefined);
    koffi.free(null);
    expect(errorOf(() => koffi.free('text')).message).toBe(errorOf(() => raw.free('text')).message);
  });
});

describe('out parameters', () => {
  const declareOut = {
    'in a prototype': (Owned) => [
      library.func(`int thing_make(_Out_ ${Owned} *out, size_t bytes)`),
      library.func(`int thing_replace(_Inout_ ${Owned} *inout, size_t bytes)`),
    ],
    'in the classic form': (Owned, type) => [
      library.func('thing_make', 'int', [koffi.out(koffi.pointer(type)), 'size_t']),
      library.func('thing_replace', 'int', [koffi.inout(koffi.pointer(type)), 'size_t']),
    ],
  };

  function declare(form) {
    const T = unique('Thing');
    const Owned = unique('Owned');
    koffi.opaque(T);
    const type = koffi.owned(Owned, `${T} *`, { free: 'thing_free', size: 'thing_size' });
    const [make, replace] = declareOut[form](Owned, type);
    return { T, Owned, make, replace };
  }

  describe.each(Object.keys(declareOut))('%s', (form) => {
    test('_Out_: tracked', () => {
      const { make, Owned } = declare(form);
      const out = [null];
      expect(make(out, 100)).toBe(0);
      expect(out[0]).toBeInstanceOf(TrackedPointer);
      expect(out[0]).toMatchObject({ size: 100, label: Owned });
      out[0].dispose();
      expect(counters()).toMatchObject({ freed: 1 });
    });

    test('_Out_: NULL stays null', () => {
      const { make } = declare(form);
      const out = [undefined];
      expect(make(out, 0)).toBe(1);
      expect(out).toEqual([null]);
    });

    test('_Out_: dropped, it is collected', () => {
      const { make } = declare(form);
      (() => {
        for (let i = 0; i < 100; i++) make([null], 1000);
      })();
      collect();
      expect(counters()).toMatchObject({ made: 100, freed: 100 });
    });

    test('_Inout_: consumed and replaced', () => {
      const { make, replace } = declare(form);
      const box = [null];
      make(box, 100);
      const [small] = box;
      expect(replace(box, 100_000)).toBe(0);
      const [large] = box;
      expect(small.disposed).toBe(true);
      expect(large).toMatchObject({ size: 100_000, disposed: false });
      expect(stats()).toMatchObject({ bytes: 100_000, pointers: 1 });
      large.dispose();
      expect(counters()).toMatchObject({ made: 1, freed: 1, live: 0 });
    });

    test('_Inout_: from nothing', () => {
      const { replace } = declare(form);
      const box = [null];
      expect(replace(box, 50)).toBe(0);
      expect(box[0].size).toBe(50);
      box[0].dispose();
    });

    test('_Inout_: from what has no owner', () => {
      const { replace } = declare(form);
      const box = [things.makeRaw(10)];
      expect(replace(box, 50)).toBe(0);
      expect(box[0].size).toBe(50);
      box[0].dispose();
      expect(counters()).toMatchObject({ made: 1, freed: 1, live: 0 });
    });

    test('_Inout_: C that leaves it alone, and says so, leaves it with us', () => {
      const { replace, make } = declare(form);
      const box = [null];
      make(box, 50);
      expect(replace(box, 0)).toBe(1);
      expect(box[0]).toMatchObject({ disposed: false, size: 50 });
      expect(stats()).toMatchObject({ bytes: 50, pointers: 1 });
      box[0].dispose();
      expect(counters()).toMatchObject({ made: 1, freed: 1 });
    });

    test('Koffi refuses another argument: nothing is lost', () => {
      const { replace, make } = declare(form);
      const box = [null];
      make(box, 50);
      const [thing] = box;
      expect(() => replace(box, 'no number')).toThrow(/Unexpected String value/);
      expect(box).toEqual([thing]);
      expect(thing.disposed).toBe(false);
      thing.dispose();
    });

    test('_Inout_: held by others', () => {
      const { replace, make, T } = declare(form);
      const childNew = library.func(`void *child_new(${T} *parent, size_t bytes)`, {
        free: 'child_free',
        size: 1,
        parent: 0,
      });
      const box = [null];
      make(box, 50);
      const kid = childNew(box[0], 10);
      expectRefusal(() => replace(box, 1000), Error, 'ERR_TALLY_IN_USE');
      kid.dispose();
      box[0].dispose();
    });

    test('_Inout_: of another type', () => {
      const { replace } = declare(form);
      const other = declareThings();
      const thing = other.make(10);
      const error = expectRefusal(() => replace([thing], 1000), TypeError, 'ERR_TALLY_TYPE_MISMATCH');
      expect(error.message).toContain('thing_replace()');
      expect(thing.disposed).toBe(false);
      thing.dispose();
    });

    test('_Inout_: after its end', () => {
      const { replace, make } = declare(form);
      const box = [null];
      make(box, 50);
      box[0].dispose();
      expectRefusal(() => replace(box, 1000), ReferenceError, 'ERR_TALLY_DISPOSED');
      expect(counters()).toMatchObject({ freed: 1, freed_underfoot: 0 });
    });

    test('_Out_: an array that C fills, as far as it does', () => {
      const { Owned, id } = declareThings();
      const type = `${Owned} *`;
      const fill =
        form === 'in a prototype'
          ? library.func(`int thing_fill(_Out_ ${type}array, int count, size_t bytes)`)
          : library.func('thing_fill', 'int', [
              koffi.out(koffi.pointer(koffi.resolve(Owned))),
              'int',
              'size_t',
            ]);
      for (const count of [1, 5, 7]) {
        const out = new Array(7);
        expect(fill(out, count, 20)).toBe(count);
        expect(out.filter((each) => each !== null).map(({ label }) => label)).toEqual(
          Array(count).fill(Owned),
        );
        expect(out.slice(count)).toEqual(Array(7 - count).fill(null));
        expect(new Set(out.slice(0, count).map(id)).size).toBe(count);
        for (const thing of out) thing?.dispose();
      }
      expect(counters()).toMatchObject({ made: 13, freed: 13 });
    });

    test('_Inout_: an array of which C takes all, and gives all', () => {
      const { replace, make } = declare(form);
      const boxes = [[null], [null]];
      for (const box of boxes) make(box, 50);
      const both = boxes.flat();
      const [first, second] = both;
      expect(replace(both, 1000)).toBe(0); // which replaces the first
      expect([first.disposed, second.disposed, second === both[1]]).toEqual([true, true, false]);
      expect(both.map(({ size }) => size)).toEqual([1000, 50]);
      for (const thing of both) thing.dispose();
      expect(counters()).toMatchObject({ live: 0, double_frees: 0 });
    });

    test('what is no array of one element', () => {
      const { make, replace } = declare(form);
      for (const value of [[], {}, 7, 'text', Buffer.alloc(8)]) {
        for (const func of [make, replace]) {
          const error = expectRefusal(() => func(value, 10), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
          expect(error.message).toContain('array of one element');
        }
      }
      expect(counters().made).toBe(0);
    });
  });

  test('a size function that fails: freed, and the box is left without it', () => {
    const { Owned } = ownedThing({ size: () => NaN });
    const make = library.func(`int thing_make(_Out_ ${Owned} *out, size_t bytes)`);
    const out = [null];
    expectRefusal(() => make(out, 100), Error, 'ERR_TALLY_SIZE');
    expect(out).toEqual([null]);
    expect(counters()).toMatchObject({ made: 1, freed: 1 });
  });

  test('size and parent get the arguments of the call', () => {
    const size = jest.fn((address, out, bytes) => bytes);
    const { Owned } = ownedThing({ size });
    const make = library.func(`int thing_make(_Out_ ${Owned} *out, size_t bytes)`);
    const out = [null];
    make(out, 100);
    expect(size.mock.calls[0].slice(1)).toEqual([out, 100]);
    expect(out[0].size).toBe(100);
    out[0].dispose();
  });
});

describe('forms that cannot be followed are refused with what to write instead', () => {
  test('an array of owned pointers as argument', () => {
    const { Owned } = ownedThing();
    for (const declare of [
      () => library.func(`int64_t thing_id(${Owned} *list)`),
      () => library.func('thing_id', 'int64_t', [koffi.pointer(Owned)]),
    ]) {
      const error = expectRefusal(declare, TypeError, 'ERR_TALLY_UNSUPPORTED');
      for (const part of [`'const ${Owned} *'`, '_Out_', '_Inout_']) expect(error.message).toContain(part);
    }
  });

  test('a pointer to owned pointers as result', () => {
    const { Owned } = ownedThing();
    const error = expectRefusal(() => library.func(`${Owned} *thing_new(size_t bytes)`), TypeError, 'ERR_TALLY_UNSUPPORTED'); // prettier-ignore
    expect(error.message).toContain(Owned);
  });

  test('an owned type with a direction, but without the star', () => {
    const { Owned } = ownedThing();
    for (const direction of ['_Out_', '_Inout_']) {
      const declare = () => library.func(`int thing_make(${direction} ${Owned} out, size_t bytes)`);
      const error = expectRefusal(declare, TypeError, 'ERR_TALLY_UNSUPPORTED');
      expect(error.message).toContain(`write '${Owned} *'`);
    }
  });

  test("an owned type with '!', which Koffi would free when it is a result", () => {
    const { Owned } = ownedThing();
    const declare = () => library.func(`void thing_free(${Owned}! thing)`);
    expect(expectRefusal(declare, TypeError, 'ERR_TALLY_UNSUPPORTED').message).toContain(
      `write '${Owned}' without`,
    );
  });

  test('an owned string that C takes', () => {
    const Text = unique('Text');
    koffi.owned(Text, 'char *', { free: 'thing_free' });
    for (const type of [Text, `${Text} *`]) {
      const declare = () => library.func(`void thing_free(${type} text)`);
      expect(expectRefusal(declare, TypeError, 'ERR_TALLY_UNSUPPORTED').message).toContain('copy');
    }
  });

  test('options that name an argument which is never a tracked pointer', () => {
    const { Owned, T } = ownedThing();
    for (const [prototype, options] of [
      [`${T} *thing_new(size_t bytes)`, { keeps: 0 }],
      [`${T} *thing_new(const char *text)`, { keeps: 0 }],
      [`${T} *thing_make(_Out_ ${Owned} *out, size_t bytes)`, { keeps: 0 }],
      [`${T} *thing_new(size_t bytes)`, { free: 'thing_free', size: 1, parent: 0 }],
      ['void thing_enlarge(size_t thing, size_t bytes)', { resizes: 0 }],
      [`void thing_free(${Owned} thing)`, { resizes: 0 }],
    ]) {
      expectRefusal(() => library.func(prototype, options), TypeError, 'ERR_TALLY_UNSUPPORTED');
    }
    library.func(`void *thing_interior(${T} *thing, size_t offset)`, { keeps: 0 });
    library.func('void thing_enlarge(void *thing, size_t bytes)', { resizes: 0 });
  });

  test('an owned member of a struct that is passed, or returned by address', () => {
    const { Owned } = ownedThing();
    const Holder = unique('Holder');
    koffi.struct(Holder, { count: 'int', thing: Owned });
    for (const prototype of [
      `void thing_free(${Holder} *holder)`,
      `void thing_free(${Holder} holder)`,
      `${Holder} *thing_new(size_t bytes)`,
    ]) {
      const error = expectRefusal(() => library.func(prototype), TypeError, 'ERR_TALLY_UNSUPPORTED');
      for (const part of ["'thing'", Holder, 'plain pointer', 'track()'])
        expect(error.message).toContain(part);
    }
  });

  test('an owned member deep in a struct, and arrays of them', () => {
    const { Owned } = ownedThing();
    const [Inner, Outer, List] = [unique('Inner'), unique('Outer'), unique('List')];
    koffi.struct(Inner, { thing: Owned });
    koffi.struct(Outer, { n: 'int', inner: Inner });
    koffi.struct(List, { n: 'int', things: koffi.array(Owned, 4) });
    for (const type of [Outer, List]) {
      for (const prototype of [`void thing_free(${type} t)`, `void thing_free(${type} *t)`]) {
        expectRefusal(() => library.func(prototype), TypeError, 'ERR_TALLY_UNSUPPORTED');
      }
    }
  });

  test('an owned union member', () => {
    const { Owned } = ownedThing();
    const Either = unique('Either');
    koffi.union(Either, { number: 'int', thing: Owned });
    expectRefusal(
      () => library.func(`${Either} thing_new(size_t bytes)`),
      TypeError,
      'ERR_TALLY_UNSUPPORTED',
    );
  });

  test('what is stored in an argument of a callback', () => {
    const { Owned, T } = ownedThing();
    const Callback = unique('Callback');
    koffi.proto(`${Owned} ${Callback}(${Owned} *thing, int value)`);
    expectRefusal(
      () => library.func(`int thing_call(${T} *thing, ${Callback} *callback, int value)`),
      TypeError,
      'ERR_TALLY_UNSUPPORTED',
    );
  });
});

describe('a pointer in a place where Koffi takes one', () => {
  test('in a struct, an array or a variadic argument', () => {
    const { make } = declareThings();
    const thing = make(10);
    const Holder = unique('Holder');
    koffi.struct(Holder, { count: 'int', thing: 'void *' });
    const [file, snprintf] = platform.snprintf;
    const prototype = `int ${snprintf}(_Out_ uint8_t *out, size_t size, const char *format, ...)`;
    const print = koffi.load(file).func(prototype);
    const buffer = Buffer.alloc(64);
    print(buffer, 64, '%llx %d', 'void *', thing, 'int', 7); // of what %p prints each platform has its own
    expect(buffer.toString('latin1')).toContain(`${thing.address.toString(16)} 7`);
    thing.dispose();
    expect(() => print(buffer, 64, '%p', 'void *', thing)).toThrow(ReferenceError);
  });
});

test('an owned type for a variadic argument is refused: nobody would see that C takes it', () => {
  const { Owned, make } = declareThings();
  const thing = make(10);
  const [file, snprintf] = platform.snprintf;
  const prototype = `int ${snprintf}(_Out_ uint8_t *out, size_t size, const char *format, ...)`;
  const print = koffi.load(file).func(prototype);
  for (const type of [Owned, koffi.resolve(Owned)]) {
    const rest = ['%d %p', 'int', 7, type, thing];
    expectRefusal(() => print(Buffer.alloc(64), 64, ...rest), TypeError, 'ERR_TALLY_UNSUPPORTED');
  }
  thing.dispose();
  expect(counters()).toMatchObject({ made: 1, freed: 1 });
});

describe('called back from C', () => {
  const uses = [
    ['disposed', (thing) => thing.dispose()],
    ['disposed twice', (thing) => (thing.dispose(), thing.dispose())],
    ['freed through koffi.free()', (thing) => koffi.free(thing)],
  ];

  test.each(uses)('%s: freed right after the call', (_, end) => {
    const { make, call } = declareCall();
    const thing = make(100);
    let during;
    const result = call(thing, (_pointer, value) => (end(thing), (during = counters().live), value + 1), 41);
    expect(result).toBe(42);
    expect(during).toBe(1);
    expect(thing.disposed).toBe(true);
    expect(counters()).toMatchObject({ live: 0, freed: 1, freed_underfoot: 0 });
  });

  test('the last reference dropped, and garbage collected', () => {
    const { make, call } = declareCall();
    const collecting = jest.fn((_thing, value) => {
      collect();
      for (let i = 0; i < 64; i++) make(2 ** 20);
      collect();
      expect(counters().freed).toBe(0);
      return value;
    });
    (() => expect(call(make(100), collecting, 7)).toBe(7))();
    expect(collecting).toHaveBeenCalledTimes(1);
    collect();
    expect(counters()).toMatchObject({ made: 65, freed: 65, freed_underfoot: 0 });
  });

  test('others that are collected meanwhile wait too', () => {
    const { make, call } = declareCall();
    const thing = make(100);
    const drop = () => void make(100);
    call(thing, () => (drop(), collect(), expect(counters().live).toBe(2), 0), 0);
    collect();
    expect(counters().live).toBe(1);
    thing.dispose();
  });

  describe('what no call on the stack was lent, and is disposed of, is freed at once', () => {
    test.each([
      ['small', 100],
      ['large', 2 ** 20],
    ])('%s', (_, bytes) => {
      const { make, call, id } = declareCall();
      const thing = make(100);
      const alive = [];
      const again = () => {
        const other = make(bytes);
        id(other); // to which it was lent, and that is over
        other.dispose();
        alive.push(counters().live);
        return 0;
      };
      for (let i = 0; i < 3; i++) call(thing, again, 0);
      expect(alive).toEqual([1, 1, 1]);
      thing.dispose();
    });

    test('by a destructor in JavaScript, too', () => {
      const { make, call } = declareCall();
      const thing = make(100);
      const other = track(things.make(10), { size: 10, free: (address) => things.free(address) });
      call(thing, () => (other.dispose(), expect(counters().live).toBe(1), 0), 0);
      thing.dispose();
    });

    test('but not in a callback of a destructor', () => {
      const { make, T } = declareCall();
      const other = make(100);
      let during;
      const callback = koffi.register(() => (other.dispose(), (during = counters().live)), koffi.pointer(koffi.proto(`void ${unique('Destroy')}(void *)`))); // prettier-ignore
      track(4096n, { size: 1, free: callback, label: T }).dispose();
      expect(during).toBe(1);
      expect(counters().live).toBe(0);
      koffi.unregister(callback);
    });

    test('but not what an outer call was lent, whatever calls it was lent since', () => {
      const { make, call, id } = declareCall();
      const thing = make(100);
      const other = make(100);
      const inside = () => {
        call(other, () => 0, 0);
        call(thing, () => 0, 0);
        id(thing);
        thing.dispose();
        return counters().live;
      };
      expect(call(thing, inside, 0)).toBe(2);
      expect(counters()).toMatchObject({ live: 1, freed_underfoot: 0 });
      other.dispose();
    });

    test('nor a parent that a call was lent, when its last child goes', () => {
      const { make, call } = declareCall();
      const thing = make(100);
      const child = track(things.make(10), { size: 10, free: things.FREE, parent: thing });
      const alive = [];
      call(thing, () => (thing.dispose(), child.dispose(), alive.push(counters().live), 0), 0);
      expect(alive).toEqual([1]);
      expect(counters()).toMatchObject({ live: 0, freed_underfoot: 0 });
    });

    test('nor a lent parent that was collected, when its last child is disposed of', () => {
      const { make, call } = declareCall();
      const alive = [];
      let child;
      const makeParent = () => {
        const parent = make(100);
        child = track(things.make(10), { size: 10, free: things.FREE, parent });
        return parent;
      };
      (() =>
        call(
          makeParent(),
          () => (collect(), collect(), child.dispose(), alive.push(counters().live), 0),
          0,
        ))();
      collect();
      expect(alive).toEqual([1]);
      expect(counters()).toMatchObject({ live: 0, freed_underfoot: 0 });
    });
  });

  describe('a call that reenters', () => {
    function declareLoop() {
      const declared = declareThings();
      const prototype = `int thing_call(${declared.T} *thing, ${callbackType(declared.T)} *callback, int value)`;
      return { ...declared, prototype, run: library.func(prototype, { reenters: true }) };
    }

    test('lets garbage be freed before it returns, but not its argument', () => {
      const { make, run } = declareLoop();
      const thing = make(100);
      const inside = () => {
        for (let i = 0; i < 64; i++) make(2 ** 20);
        collect();
        thing.dispose();
        return counters().live;
      };
      expect(run(thing, inside, 0)).toBe(1);
      expect(counters()).toMatchObject({ made: 65, freed: 65, freed_underfoot: 0 });
    });

    test('not even if that was dropped and collected', () => {
      const { make, run } = declareLoop();
      const inside = () => (collect(), collect(), counters().live);
      expect((() => run(make(100), inside, 0))()).toBe(1);
      collect();
      expect(counters()).toMatchObject({ live: 0, freed_underfoot: 0 });
    });

    test('lets a limit make room', () => {
      const { make, run } = declareLoop();
      const thing = make(100);
      const { limit } = configure();
      configure({ limit: 4 * 2 ** 20 });
      const inside = () => {
        for (let i = 0; i < 20; i++) make(2 ** 20);
        return counters().made;
      };
      expect(run(thing, inside, 0)).toBe(21);
      configure({ limit });
      thing.dispose();
      collect();
    });

    test('is refused where it has no effect, and as anything but a boolean', () => {
      const { prototype } = declareLoop();
      const plain = 'int64_t counter(const char *name)';
      expectRefusal(() => library.func(plain, { reenters: true }), TypeError, 'ERR_TALLY_UNSUPPORTED');
      expectRefusal(() => library.func(prototype, { reenters: 1 }), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
      expect(library.func(plain, { reenters: false })('live')).toBeDefined();
    });
  });

  inChildren.test('a call that holds up others for long is announced, once', async () => {
    const child = await runChild('test/programs/long-call.js');
    expect(child).toMatchObject({ code: 0, signal: null, stdout: '1 warning\n' });
    expect(child.stderr).toContain('[FFI_TALLY_LONG_CALL]');
    expect(child.stderr).toContain('{ reenters: true }');
    expect(child.stderr).toMatch(/at theLoopOfTheProgram /);
  });

  test('calls within calls: freed after the outermost', () => {
    const { make, call } = declareCall();
    const thing = make(100);
    const seen = [];
    call(
      thing,
      () => {
        call(thing, () => (thing.dispose(), seen.push(counters().live), 0), 0);
        seen.push(counters().live);
        return 0;
      },
      0,
    );
    seen.push(counters().live);
    expect(seen).toEqual([1, 1, 0]);
    expect(counters().freed_underfoot).toBe(0);
  });

  test('a callback that throws: freed right after, and the error comes through', () => {
    const { make, call } = declareCall();
    const thing = make(100);
    const cause = new Error('on purpose');
    const error = errorOf(() => call(thing, () => { thing.dispose(); throw cause; }, 0)); // prettier-ignore
    expect(error).toBe(cause);
    expect(counters()).toMatchObject({ live: 0, freed: 1, freed_underfoot: 0 });
  });

  test('a new pointer made and dropped inside', () => {
    const { make, call } = declareCall();
    const thing = make(100);
    call(thing, () => (make(50).dispose(), 0), 0);
    expect(counters()).toMatchObject({ made: 2, freed: 1 });
    thing.dispose();
  });

  test('a registered callback, called through a function pointer', () => {
    const { T, make } = declareThings();
    const type = callbackType(T);
    const thing = make(100);
    const callback = koffi.register(() => (thing.dispose(), counters().live), `${type} *`);
    const call = library.func(`int thing_call(${T} *thing, ${type} *callback, int value)`);
    expect(call(thing, callback, 1)).toBe(1);
    koffi.unregister(callback);
    expect(counters()).toMatchObject({ live: 0, freed_underfoot: 0 });
  });

  test('from a function without ownership in its prototype, the pointer given as an address', () => {
    // C was handed an address, of which we know nothing; but the memory must stay while C is on the stack.
    const { make } = declareThings();
    const proto = koffi.proto(`int ${unique('Callback')}(int64_t thing, int value)`);
    const call = koffi.load(counting).func('thing_call', 'int', ['int64_t', koffi.pointer(proto), 'int']);
    const thing = make(100);
    call(thing.address, () => (thing.dispose(), 0), 0);
    expect(counters()).toMatchObject({ live: 0, freed: 1 });
    things.reset();
  });
});

test('a tracked pointer made by hand may be taken', () => {
  const { Owned } = ownedThing();
  const take = library.func(`void thing_free(${Owned} thing)`);
  const thing = track(things.make(10), { size: 10, free: things.FREE });
  take(thing);
  expect(thing.disposed).toBe(true);
  expect(counters()).toMatchObject({ freed: 1, double_frees: 0 });
});

test('Koffi 2 tells its own pointer types apart still', () => {
  if (!isKoffi2) return;
  const { id } = declareThings();
  const other = unique('Thing');
  koffi.opaque(other);
  const make = library.func(`${other} *thing_new(size_t bytes)`);
  const thing = make(10);
  expect(errorOf(() => id(thing)).message).toMatch(/^Unexpected .* value, expected /);
  things.free(things.addressOf(thing));
});

test('a pointer that an earlier call has taken: the error says how to write what borrows', () => {
  const { make, Owned, library: counted } = declareThings();
  const free = counted.func(`void thing_free(${Owned} thing)`);
  const thing = make(10);
  free(thing);
  const error = expectRefusal(() => free(thing), ReferenceError, 'ERR_TALLY_DISPOSED');
  expect(error.message).toBe(
    `Cannot pass a tracked pointer (${Owned}) to argument 0 of thing_free() after its end: each call takes what it ` +
      `gets there. Where C only borrows, write the plain type in place of '${Owned}'`,
  );
});

describe('a pointer that has ended is refused in the same words', () => {
  const two = 'int64_t thing_id(void *a, void *b)';
  test.each([
    ['a call that borrows', two, {}],
    ['one whose result keeps it', 'void *thing_id(void *a, void *b)', { keeps: [0, 1] }],
    ['one that has an argument keep another', two, { keeps: { 0: 1 } }],
    ['one that keeps both for ever', two, { keeps: { forever: [0, 1] } }],
    ['one that calls back for long', two, { reenters: true }],
  ])('%s, also by .async', async (_, definition, options) => {
    const { make, library: counted } = declareThings();
    const func = counted.func(definition, options);
    const alive = make(10);
    for (const i of [0, 1]) {
      const ended = make(10);
      ended.dispose();
      const args = i === 0 ? [ended, alive] : [alive, ended];
      const words = new RegExp(
        `^Cannot pass a tracked pointer \\(.*\\) to argument ${i} of thing_id\\(\\) after its end$`,
      );
      expect(() => func(...args)).toThrow(words);
      await expect((async () => promisify(func.async)(...args))()).rejects.toThrow(words);
    }
    alive.dispose();
    expect(counters()).toMatchObject({ live: 0, double_frees: 0 });
  });
});
