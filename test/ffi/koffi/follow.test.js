'use strict';
// A function takes the pointers of types that are owned after it was declared as it does those of types that were before.

const { promisify } = require('node:util');
const { stats } = require('../../../lib');
const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { runChild } = require('../../support/child.js');
const { canCount } = require('../../support/exact.js');
const inChildren = require('../../support/in-children.js');
const { counting, isKoffi2, koffi, koffiName, things, unique } = require('./setup.js');

const library = koffi.load(counting);
const { counters } = things;

beforeEach(things.reset);
afterEach(expectBalance);

/** What `declare(T)` declares before there is an owned type over `T *`, that type, and what makes its pointers. */
function declareFirst(declare, options) {
  const T = unique('Thing');
  koffi.opaque(T);
  const declared = declare(T);
  const Owned = unique('Owned');
  koffi.owned(Owned, `${T} *`, { free: 'thing_free', size: 'thing_size', ...options });
  return { T, Owned, declared, make: library.func(`${Owned} thing_new(size_t bytes)`) };
}

const idOf = (type) => (T) => library.func(`int64_t thing_id(${type.replace('T', T)}thing)`);

describe.each(['T *', 'const T *', 'void *'])('a parameter %s', (type) => {
  test('borrows, before its type is owned and after', () => {
    const { declared: id, make } = declareFirst((T) => {
      const func = idOf(type)(T);
      expect(Number(func(null))).toBe(-1);
      things.reset();
      return func;
    });
    const thing = make(10);
    expect(Number(id(thing))).toBe(Number(things.id(thing.address)));
    expect(id.info.name).toBe('thing_id');
    thing.dispose();
    const error = expectRefusal(() => id(thing), ReferenceError, 'ERR_TALLY_DISPOSED');
    expect(error.message).toContain('thing_id()');
  });
});

test('a pointer of another type is refused', () => {
  const Other = unique('Other');
  koffi.opaque(Other);
  const id = idOf('T *')(Other);
  const { make } = declareFirst(() => null);
  koffi.owned(unique('Owned'), `${Other} *`, { free: 'thing_free', size: 1 });
  const thing = make(10);
  expectRefusal(() => id(thing), TypeError, 'ERR_TALLY_TYPE_MISMATCH');
  thing.dispose();
});

test('the destructor called by hand is a dispose, once', () => {
  const { declared: free, make } = declareFirst((T) => library.func(`void thing_free(${T} *thing)`));
  const { disposed } = stats().totals;
  const thing = make(10);
  free(thing);
  expect([thing.disposed, stats().totals.disposed]).toEqual([true, disposed + 1]);
  expectRefusal(() => free(thing), ReferenceError, 'ERR_TALLY_DISPOSED');
  expect(counters()).toMatchObject({ freed: 1, double_frees: 0 });
});

test('.async keeps what it is given, and refuses what has ended', async () => {
  const { declared: id, make } = declareFirst(idOf('T *'));
  const thing = make(10);
  const own = Number(things.id(thing.address));
  const found = promisify(id.async)(thing);
  thing.dispose();
  expect(counters().freed).toBe(0);
  expect(Number(await found)).toBe(own);
  expect(counters()).toMatchObject({ freed: 1, freed_underfoot: 0 });
  expect(() => id.async(thing, () => {})).toThrow(ReferenceError);
});

test('a callback of the call disposes of the pointer: freed after the call', () => {
  const name = unique('Callback');
  const { declared: call, make } = declareFirst((T) => {
    koffi.proto(`int ${name}(${T} *thing, int value)`);
    return library.func(`int thing_call(${T} *thing, ${name} *callback, int value)`);
  });
  const thing = make(10);
  call(thing, () => (thing.dispose(), counters().freed), 1);
  expect(counters()).toMatchObject({ freed: 1, freed_underfoot: 0 });
});

test('in a struct, by value and by pointer', () => {
  const { declared, make } = declareFirst((T) => {
    const Holder = unique('Holder');
    koffi.struct(Holder, { thing: `${T} *` });
    return library.func(`int64_t thing_id(${Holder} holder)`);
  });
  const thing = make(10);
  const same = Number(things.id(thing.address));
  expect(Number(declared({ thing }))).toBe(same);
  thing.dispose();
  expectRefusal(() => declared({ thing }), ReferenceError, 'ERR_TALLY_DISPOSED');
});

test('a second type, in a function that had to do with the first', () => {
  const First = unique('Owned');
  const T = unique('Thing');
  koffi.opaque(T);
  koffi.owned(First, `${T} *`, { free: 'thing_free', size: 1 });
  const make = library.func(`${First} thing_new(size_t bytes)`);
  const { declared, make: other } = declareFirst((U) => library.func(`int64_t thing_id(${T} *a, ${U} *b)`));
  const [a, b] = [make(1), other(1)];
  expect(Number(declared(a, b))).toBe(Number(things.id(a.address)));
  for (const each of [b, a]) {
    each.dispose();
    expectRefusal(() => declared(a, b), ReferenceError, 'ERR_TALLY_DISPOSED');
  }
});

test('of options, what is said of arguments', () => {
  const T = unique('Thing');
  koffi.opaque(T);
  const enlarge = library.func(`void thing_enlarge(${T} *thing, size_t bytes)`, { resizes: 0 });
  const inner = library.func(`void *thing_interior(${T} *thing, size_t at)`, { keeps: 0 });
  const loop = library.func(`int64_t thing_id(${T} *thing)`, { reenters: true });
  const Owned = unique('Owned');
  koffi.owned(Owned, `${T} *`, { free: 'thing_free', size: 'thing_size' });
  const thing = library.func(`${Owned} thing_new(size_t bytes)`)(10);
  enlarge(thing, 100);
  expect(thing.size).toBe(110);
  const part = inner(thing, 1);
  expect(part.address).toBe(thing.address + 1n);
  expect(Number(loop(thing))).toBe(Number(things.id(thing.address)));
  expectRefusal(() => thing.release(), Error, 'ERR_TALLY_IN_USE');
  thing.dispose();
  expect(counters().freed).toBe(0);
  part.dispose();
});

(canCount ? test : test.skip)('what the call allocates is counted for a type whose size is', () => {
  const { declared: enlarge, make } = declareFirst(
    (T) => library.func(`void thing_enlarge(${T} *thing, size_t bytes)`),
    { size: undefined },
  );
  const thing = make(100);
  const { size } = thing;
  enlarge(thing, 10_000);
  expect(thing.size).toBeGreaterThan(size + 9000);
  thing.dispose();
});

test('a function that a function pointer gives', () => {
  const address = isKoffi2 ? library.symbol('thing_id', 'void *') : library.symbol('thing_id');
  const { declared: id, make } = declareFirst((T) =>
    koffi.decode(address, koffi.proto(`int64_t ${unique('Proto')}(${T} *thing)`)),
  );
  const thing = make(10);
  expect(Number(id(thing))).toBe(Number(things.id(thing.address)));
  thing.dispose();
  expectRefusal(() => id(thing), ReferenceError, 'ERR_TALLY_DISPOSED');
});

describe('in a program that owns nothing yet', () => {
  const begin = `
    const assert = require('node:assert');
    const { withOwnership } = require('./lib/ffi/koffi/with-ownership');
    const { track } = require('./lib');
    const koffi = withOwnership(require(${JSON.stringify(koffiName)}));
    const library = koffi.load(${JSON.stringify(counting)});
    koffi.opaque('Thing');
    const id = library.func('int64_t thing_id(Thing *thing)');
    const free = library.func('void thing_free(Thing *thing)');
    const plain = library.func('void *thing_new(size_t bytes)');
    const print = library.func('int64_t thing_id(void *thing, ...)');
  `;
  const expectClean = async (code) =>
    expect(await runChild(begin + code)).toMatchObject({ code: 0, signal: null, stdout: '', stderr: '' });

  inChildren.test('a type is owned later', () =>
    expectClean(`
      const address = plain(10);
      assert.equal(id(address), 1);
      free(address);
      koffi.owned('Owned', 'Thing *', { free: 'thing_free', size: 1 });
      const thing = library.func('Owned thing_new(size_t bytes)')(10);
      assert.equal(id(thing), 2);
      assert.equal(print(thing), 2);
      free(thing);
      assert.ok(thing.disposed);
      for (const each of [id, free, print]) assert.throws(() => each(thing), { code: 'ERR_TALLY_DISPOSED' });
      assert.throws(() => id.async(thing, () => {}), { code: 'ERR_TALLY_DISPOSED' });
    `),
  );

  inChildren.test('a pointer is tracked by hand', () =>
    expectClean(`
      const thing = track(plain(10), { size: 10, free: library.symbol('thing_free'${isKoffi2 ? ", 'void *'" : ''}) });
      assert.equal(id(thing), 1);
      free(thing);
      assert.ok(thing.disposed);
      assert.throws(() => id(thing), { code: 'ERR_TALLY_DISPOSED' });
    `),
  );

  inChildren.test('after an unload, and after a reset, a function is what it was', () =>
    expectClean(`
      const other = koffi.load(${JSON.stringify(counting)});
      const late = other.func('int64_t thing_id(Thing *thing)');
      other.unload();
      koffi.owned('Owned', 'Thing *', { free: 'thing_free', size: 1 });
      try { late(null); } catch {}
      koffi.reset();
      koffi.opaque('Thing');
      koffi.owned('Owned', 'Thing *', { free: 'thing_free', size: 1 });
      assert.equal(id(null), -1);
    `),
  );
});

test.each([
  ['int64_t counter(const char *name)', true],
  ['void things_refuse(int result)', true],
  ['int64_t thing_id(void *thing)', false],
])("%s: Koffi's own, if it takes no pointer", (prototype, isNative) => {
  expect(String(library.func(prototype)).includes('[native code]')).toBe(isNative);
});
