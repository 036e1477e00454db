'use strict';

const { TrackedPointer, collect, stats } = require('../../../lib');
const { boundByBudget, errorOf, expectBalance, expectRefusal } = require('../../support/balance.js');
const { declareThings, koffi, raw, things, unique } = require('./setup.js');
const platform = require('../../support/platform.js');
const { counters } = things;

const libc = koffi.load(platform.libc);

beforeEach(things.reset);
afterEach(expectBalance);

describe('alloc() with `owned`', () => {
  test('is zeroed memory with an owner', () => {
    const block = koffi.alloc('int', 100, { owned: true });
    expect(block).toBeInstanceOf(TrackedPointer);
    expect(block).toMatchObject({ size: 400, label: 'alloc int' });
    expect(stats()).toMatchObject({ bytes: 400, pointers: 1 });
    expect(new Set(new Uint8Array(block.view()))).toEqual(new Set([0]));
    block.dispose();
  });

  test('of a struct, by object and by name', () => {
    const name = unique('Struct');
    const type = koffi.struct(name, { a: 'int32_t', b: 'double' });
    for (const spec of [type, name]) {
      const block = koffi.alloc(spec, 3, { owned: true });
      expect(block.size).toBe(48);
      koffi.encode(block, 16, spec, { a: 7, b: 0.5 });
      expect(koffi.decode(block, 16, spec)).toEqual({ a: 7, b: 0.5 });
      block.dispose();
    }
  });

  test('goes to C, and is collected in a synchronous loop', () => {
    // From here on functions that take pointers take tracked ones.
    koffi.owned(unique('Any'), 'void *', { free: null, size: 0 });
    const fill = libc.func('void *memset(void *to, int value, size_t size)');
    boundByBudget();
    (() => {
      for (let i = 0; i < 500; i++) fill(koffi.alloc('char', 2 ** 20, { owned: true }), 1, 2 ** 20);
    })();
    collect();
    expect(stats().pointers).toBe(0);
    expect(stats().peakBytes).toBeLessThan(256 * 2 ** 20);
  });

  test('freed by koffi.free(), once', () => {
    const block = koffi.alloc('char', 10, { owned: true });
    koffi.free(block);
    koffi.free(block);
    expect(block.disposed).toBe(true);
  });

  test.each([
    ['a negative length', ['int', -1], 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['a fraction', ['int', 0.5], 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['no length', ['int'], 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['a string', ['int', '5'], 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['more than can be counted', ['double', 2 ** 52], 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['more than there is', ['double', 2 ** 49], 'ERR_TALLY_OUT_OF_MEMORY'],
  ])('refuses %s', (_, args, code) => {
    expect(errorOf(() => koffi.alloc(...args, { owned: true })).code).toBe(code);
    expect(stats().pointers).toBe(0);
  });

  test('refuses what Koffi refuses: nothing at all, and what has no size', () => {
    expect(() => koffi.alloc('int', 0, { owned: true })).toThrow();
    expect(() => koffi.alloc('void', 1, { owned: true })).toThrow();
    expect(() => koffi.alloc('no_such_type', 1, { owned: true })).toThrow(/Unknown or invalid type name/);
    expect(stats().pointers).toBe(0);
  });

  test('refuses an unknown option, also alone, and what is no boolean', () => {
    for (const [options, code] of [
      [{ owned: true, zero: 1 }, 'ERR_TALLY_UNKNOWN_OPTION'],
      [{ own: true }, 'ERR_TALLY_UNKNOWN_OPTION'],
      [{ owned: 1 }, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ]) {
      expectRefusal(() => koffi.alloc('int', 1, options), TypeError, code);
      expectRefusal(() => koffi.register(() => {}, 'void *', options), TypeError, code);
    }
  });

  test('without it is that of Koffi', () => {
    for (const options of [[], [{ owned: false }]]) {
      const block = koffi.alloc('int', 4, ...options);
      expect(block).not.toBeInstanceOf(TrackedPointer);
      koffi.free(block);
    }
    expect(stats().pointers).toBe(0);
  });
});

describe('a tracked pointer where Koffi takes a pointer', () => {
  const blocks = [
    ['owned result', () => declareThings().make(64)],
    ['owned alloc', () => koffi.alloc('char', 64, { owned: true })],
  ];

  describe.each(blocks)('%s', (_, make) => {
    test('decode and encode, with all their arguments', () => {
      const block = make();
      koffi.encode(block, 'int', 7);
      koffi.encode(block, 4, 'int', 8);
      koffi.encode(block, 8, 'int', [1, 2, 3], 3);
      expect(koffi.decode(block, 'int')).toBe(7);
      expect(koffi.decode(block, 4, 'int')).toBe(8);
      expect(Array.from(koffi.decode(block, 'int', 2))).toEqual([7, 8]);
      expect(Array.from(koffi.decode(block, 8, 'int', 3))).toEqual([1, 2, 3]);
      koffi.encode(block, 'char', 'text', 5);
      expect(koffi.decode(block, 'char', 4)).toBe('text');
      expect(koffi.decode(block, 'char', -1)).toBe('text');
      block.dispose();
    });

    test('the short forms of decode, where Koffi has them', () => {
      const block = make();
      koffi.encode(block, 'char', 'abcd', 5);
      if (raw.decode.int !== undefined) {
        expect(koffi.decode.int(block)).toBe(0x64636261);
        expect(koffi.decode.uint16be(block)).toBe(0x6162);
        expect(koffi.decode.string(block)).toBe('abcd');
        expect(koffi.decode.string(block, 2)).toBe('ab');
      }
      expect(Object.keys(koffi.decode)).toEqual(Object.keys(raw.decode));
      block.dispose();
    });

    test('address', () => {
      const block = make();
      expect(koffi.address(block)).toBe(block.address);
      block.dispose();
    });

    test('as', () => {
      const block = make();
      koffi.encode(block, 'char', 'abcd', 5);
      const length = libc.func('size_t strlen(const void *text)');
      expect(Number(length(koffi.as(block, 'void *')))).toBe(4);
      block.dispose();
    });

    test('is not written into memory itself: its address may be', () => {
      const block = make();
      const place = Buffer.alloc(16);
      for (const write of [
        () => koffi.encode(place, 'void *', block),
        () => koffi.encode(place, 8, 'void *', block),
      ]) {
        const error = expectRefusal(write, TypeError, 'ERR_TALLY_UNSUPPORTED');
        expect(error.message).toContain(block.label);
      }
      block.dispose();
    });

    test('nor is a struct or an array that has it', () => {
      const block = make();
      const Pair = unique('Pair');
      koffi.struct(Pair, { list: koffi.array('void *', 2), n: 'int' });
      const memory = Buffer.alloc(koffi.sizeof(Pair));
      for (const attempt of [
        () => koffi.encode(memory, Pair, { list: [null, block], n: 1 }),
        () => koffi.encode(memory, 0, 'void *', [block, null], 2),
      ]) {
        expectRefusal(attempt, TypeError, 'ERR_TALLY_UNSUPPORTED');
      }
      block.dispose();
    });

    test('after its end: ERR_TALLY_DISPOSED', () => {
      const block = make();
      block.dispose();
      const proto = koffi.proto(`int ${unique('Proto')}(int value)`);
      for (const use of [
        () => koffi.decode(block, 'int'),
        () => koffi.encode(block, 'int', 1),
        () => koffi.address(block),
        () => koffi.as(block, 'char *'),
        () => koffi.call(block, proto, 1),
        () => koffi.view(block, 1),
      ]) {
        const error = expectRefusal(use, ReferenceError, 'ERR_TALLY_DISPOSED');
        expect(error.message).toContain(block.label);
      }
      expect(koffi.free(block)).toBe(undefined);
    });
  });

  test('call: a function pointer with an owner', () => {
    const { proto, pointer } = (() => {
      const name = unique('Unary');
      const proto = koffi.proto(`int ${name}(int value)`);
      koffi.owned(unique('Function'), 'void *', { free: null, size: 0 });
      return { proto, pointer: koffi.register((value) => value + 1, `${name} *`, { owned: true }) };
    })();
    expect(koffi.call(pointer, proto, 1)).toBe(2);
    pointer.dispose();
  });

  test('what is not tracked is left to Koffi', () => {
    const buffer = Buffer.from([1, 0, 0, 0]);
    expect(koffi.decode(buffer, 'int')).toBe(1);
    for (const [name, args] of [
      ['decode', ['text', 'int']],
      ['decode', [{}, 'int']],
      ['encode', [{}, 'int', 1]],
      ['address', [{}]],
      ['as', [1, 'int']],
      ['view', [{}, 1]],
      ['free', [{}]],
      ['unregister', ['text']],
    ]) {
      const [ours, theirs] = [koffi, raw].map((api) => errorOf(() => api[name](...args)));
      expect(ours.message).toBe(theirs.message);
      expect(ours.constructor.name).toBe(theirs.constructor.name);
    }
  });
});

test('free() while C uses it waits for C', () => {
  const { T, make, library } = declareThings();
  const name = unique('Callback');
  koffi.proto(`int ${name}(${T} *thing, int value)`);
  const call = library.func(`int thing_call(${T} *thing, ${name} *callback, int value)`);
  const thing = make(64);
  call(thing, () => (koffi.free(thing), counters().live), 0);
  expect(counters()).toMatchObject({ live: 0, freed_underfoot: 0 });
});
