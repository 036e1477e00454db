'use strict';
// Options that would do nothing in the combination in which they are written: errors, at the declaration.

const { canCount } = require('../../support/exact.js');
const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { counting, koffi, ownedThing, things, unique } = require('./setup.js');

const library = koffi.load(counting);

beforeEach(things.reset);
afterEach(expectBalance);

const expectUnsupported = (declare, message) =>
  expect(expectRefusal(declare, TypeError, 'ERR_TALLY_UNSUPPORTED').message).toMatch(message);

describe('resizes', () => {
  const enlarge = (T) => library.func(`void thing_enlarge(${T} *thing, size_t bytes)`, { resizes: 0 });

  test('of a type whose size is always the same', () => {
    const { T, Owned } = ownedThing({ size: 4096 });
    expectUnsupported(() => enlarge(T), `the size of '${Owned}', for argument 0, is always 4096 bytes`);
    const struct = unique('Struct');
    koffi.struct(struct, { words: koffi.array('uint64_t', 4) });
    koffi.owned(unique('Owned'), `${struct} *`, { free: 'thing_free' });
    expectUnsupported(() => enlarge(struct), 'is always 32 bytes');
    expectUnsupported(
      () => library.func('thing_enlarge', 'void', [koffi.pointer(T), 'size_t'], { resizes: 0 }),
      'always',
    );
  });

  (canCount ? test : test.skip)('of one that is counted in any case', () => {
    const { T } = ownedThing({ size: undefined });
    expectUnsupported(() => enlarge(T), 'is counted in every call');
  });

  test('of one that can be asked again, or of several of which one can', () => {
    for (const size of ['thing_size', () => 1, 'malloc']) enlarge(ownedThing({ size }).T);
    const { T } = ownedThing({ size: 4096 });
    koffi.owned(unique('Owned'), `${T} *`, { free: 'thing_free', size: 'thing_size' });
    enlarge(T);
  });

  test('of a type of which nothing is known yet', () => {
    const T = unique('Thing');
    koffi.opaque(T);
    enlarge(T); // which may come
  });
});

describe('shared', () => {
  test('where nothing is freed', () => {
    expectUnsupported(() => ownedThing({ free: null, shared: true }), 'it frees nothing');
    const declare = () =>
      library.func('void *thing_new(size_t bytes)', { free: null, size: 1, shared: true });
    expectUnsupported(declare, `'shared' has no effect on 'thing_new()'`);
    ownedThing({ free: null, shared: false });
  });

  test('of a struct', () => {
    const struct = unique('Struct');
    koffi.struct(struct, { pointer: 'void *' });
    const declare = (shared) => koffi.owned(unique('Owned'), struct, { free: 'thing_free', shared });
    expectUnsupported(() => declare(true), 'an address of its own');
    declare(false);
  });
});

test('compare, with the way that the size is found in', () => {
  expectUnsupported(() => ownedThing({ size: 'malloc', compare: 'malloc' }), 'in that way already');
  if (canCount)
    expectUnsupported(() => ownedThing({ size: undefined, compare: 'exact' }), 'in that way already');
});

test('once, of what is kept for ever', () => {
  const Callback = unique('Callback');
  koffi.proto(`int ${Callback}(int value)`);
  const prototype = `int64_t thing_from(${Callback} *take, int value)`;
  expectUnsupported(
    () => library.func(prototype, { once: 0, keeps: { forever: 0 } }),
    'argument 0 is kept for ever',
  );
  library.func(prototype, { once: 0, keeps: { forever: 0 }, replaces: true });
});

test('lengths, of nothing', () => {
  expectRefusal(
    () => library.func('int64_t thing_id(void *thing)', { lengths: {} }),
    RangeError,
    'ERR_TALLY_INVALID_ARG_VALUE',
  );
});
