'use strict';

const { inspect } = require('node:util');
const { POINTER, SIZE, TrackedPointer, collect, stats, track } = require('../../lib');
const binding = require('../../lib/binding');
const { errorOf, expectBalance, expectRefusal } = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const inChildren = require('../support/in-children.js');
const things = require('../support/things.js');
const platform = require('../support/platform.js');
const { FREE, FREE_SIZED, FREE_WITH_CONTEXT, counters, koffi, make } = things;

// A build without libffi is complete but for bound arguments.
const testBound = binding.canBind ? test : test.skip;

beforeEach(things.reset);
afterEach(expectBalance);

const free = (address) => things.free(address);

/** Each way to give a destructor that frees a thing of 100 bytes. */
const forms = [
  ['the address of a C function', () => FREE],
  ['a JavaScript function', () => free],
  ['a Koffi function', () => things.free],
];
if (binding.canBind) forms.push(['bound arguments', () => ({ address: FREE_SIZED, args: [POINTER, SIZE] })]);

/** The ways in which a pointer comes to be freed. */
const endings = [
  ['dispose()', (keep) => keep.pop().dispose()],
  ['a sweep', (keep) => (keep.pop(), collect())],
  ['a sweep, when it was kept until it was old', (keep) => (collect(), collect(), keep.pop(), collect())],
];

describe.each(forms)('freed by %s', (_, form) => {
  test.each(endings)('from %s', (__, end) => {
    const keep = [];
    (() => keep.push(track(make(100), { size: 100, free: form() })))();
    expect(stats()).toMatchObject({ bytes: 100, pointers: 1 });
    expect(counters().live).toBe(1);
    end(keep);
    expect(counters()).toMatchObject({ freed: 1, live: 0 });
  });

  test('a large one, which has its books made at once', () => {
    const pointer = track(make(2 ** 20), { size: 2 ** 20, free: form() });
    expect(counters().live).toBe(1);
    pointer.dispose();
    expect(counters()).toMatchObject({ freed: 1 });
  });

  test('many', () => {
    (() => {
      for (let i = 0; i < 1000; i++) track(make(100), { size: 100, free: form() });
    })();
    collect();
    expect(counters()).toMatchObject({ made: 1000, freed: 1000 });
    expect(stats().totals.failed).toBe(0);
  });
});

test('what Koffi returned is an address', () => {
  const pointer = track(things.makeRaw(10), { size: 10, free: FREE });
  expect(typeof pointer.address).toBe('bigint');
  expect(things.id(pointer.address)).toBeGreaterThan(0);
  pointer.dispose();
});

test('a JavaScript destructor gets the address, as a bigint, and nothing else', () => {
  const address = make(10);
  const given = [];
  const pointer = track(address, {
    size: 10,
    free: (...args) => {
      given.push(args);
      things.free(args[0]);
    },
  });
  pointer.dispose();
  expect(given).toEqual([[address]]);
});

test('each pointer has its own JavaScript destructor, in the same account too', () => {
  const freed = [];
  (() => {
    for (let i = 0; i < 10; i++) track(BigInt(i + 1), { size: 1, label: 'own', free: () => freed.push(i) });
  })();
  collect();
  expect(freed.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('null: nothing is freed, the bytes are only counted', () => {
  const address = make(10);
  const pointer = track(address, { size: 10, free: null });
  expect(stats().bytes).toBe(10);
  pointer.dispose();
  expect(counters().freed).toBe(0);
  things.free(address);
});

describe('bound arguments', () => {
  testBound('the pointer and its size at the time', () => {
    const pointer = track(make(100), { size: 100, free: { address: FREE_SIZED, args: [POINTER, SIZE] } });
    things.enlarge(pointer.address, 50);
    pointer.resize(150);
    pointer.dispose();
    expect(counters()).toMatchObject({ freed: 1, size_mismatches: 0 });
  });

  testBound.each([
    [42, 42],
    [-1, -1],
    [0, 0],
    [7n, 7],
    [-(2n ** 53n) + 1n, Number.MIN_SAFE_INTEGER],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])('the constant %p', (constant, expected) => {
    const options = { size: 10, free: { address: FREE_WITH_CONTEXT, args: [constant, POINTER] } };
    track(make(10), options).dispose();
    expect(counters()).toMatchObject({ freed: 1, last_context: expected });
  });

  testBound('two that differ in a constant only are two destructors', () => {
    for (const constant of [1, 2, 1]) {
      const options = {
        size: 1,
        label: 'context',
        free: { address: FREE_WITH_CONTEXT, args: [constant, POINTER] },
      };
      track(make(1), options).dispose();
      expect(counters().last_context).toBe(constant);
    }
  });

  // Not even declared where there is none.
  (platform.windows ? () => {} : describe)('munmap(), of libc', () => {
    const libc = koffi.load(platform.libc);
    const mmap = libc.func(
      'void *mmap(void *address, size_t size, int protection, int flags, int file, long at)',
    );
    const msync = libc.func('int msync(void *address, size_t size, int flags)');
    const MAP_ANONYMOUS = process.platform === 'darwin' ? 0x1000 : 0x20;
    const munmap =
      koffi.type === undefined ? koffi.address(libc.symbol('munmap', 'void *')) : libc.symbol('munmap');
    const size = 2 ** 20;
    const map = () => things.addressOf(mmap(null, size, 3, 2 | MAP_ANONYMOUS, -1, 0));
    // The kernel refuses to synchronize what is not mapped.
    const isMapped = (address) => msync(address, size, 1) === 0;
    const options = { size, label: 'mapping', free: { address: munmap, args: [POINTER, SIZE] } };

    testBound('from dispose()', () => {
      const address = map();
      const pointer = track(address, options);
      expect(isMapped(address)).toBe(true);
      pointer.dispose();
      expect(isMapped(address)).toBe(false);
    });

    testBound('from a sweep', () => {
      const addresses = Array.from({ length: 20 }, map);
      (() => addresses.forEach((address) => track(address, options)))();
      collect();
      expect(addresses.filter(isMapped)).toEqual([]);
    });

    testBound('when tracking fails', () => {
      const address = map();
      expect(errorOf(() => track(address, { ...options, label: 7 })).code).toBe('ERR_TALLY_INVALID_ARG_TYPE');
      expect(isMapped(address)).toBe(false);
    });
  });
});

describe('options', () => {
  test('the label names the account', () => {
    const pointer = track(1n, { size: 3, free: null, label: 'picture' });
    const { label } = pointer;
    const account = stats().accounts.find((entry) => entry.label === 'picture');
    expect({ label, account }).toMatchObject({ label: 'picture', account: { bytes: 3, pointers: 1 } });
    pointer.dispose();
  });

  test('without a label', () => {
    const pointer = track(1n, { size: 0, free: null });
    expect(pointer.label).toBe('unlabelled');
    pointer.dispose();
  });

  test.each([
    0,
    1,
    65535,
    65536,
    2 ** 31,
    2 ** 32,
    2 ** 40,
    Number.MAX_SAFE_INTEGER,
    0n,
    12n,
    2n ** 53n - 1n,
  ])('a size of %p', (size) => {
    const pointer = track(1n, { size, free: null });
    expect(pointer.size).toBe(Number(size));
    expect(stats().bytes).toBe(Number(size));
    pointer.dispose();
  });

  test.each([1n, 2n ** 31n, 2n ** 47n - 1n, 2n ** 63n, 2n ** 64n - 1n])('an address of %p', (address) => {
    for (const size of [1, 2 ** 20]) {
      const pointer = track(address, { size, free: null });
      expect(pointer.address).toBe(address);
      stats();
      expect(pointer.address).toBe(address);
      expect(pointer.release()).toBe(address);
    }
  });

  test('the JavaScript destructor gets all 64 bits of the address', () => {
    const given = [];
    track(2n ** 64n - 2n, { size: 0, free: (address) => given.push(address) }).dispose();
    expect(given).toEqual([2n ** 64n - 2n]);
  });

  test('undefined is the same as not given, but for free and size', () => {
    const pointer = track(1n, { size: 0, free: null, label: undefined, parent: undefined });
    expect(pointer.label).toBe('unlabelled');
    pointer.dispose();
    track(1n, { size: 0, free: null, parent: null }).dispose();
  });
});

describe('what cannot be a pointer to own is refused, and left alone', () => {
  const options = () => ({ size: 1, free: FREE });

  test.each([[0n], [null]])('NULL as %p', (address) => {
    const error = expectRefusal(() => track(address, options()), TypeError, 'ERR_TALLY_NULL_POINTER');
    expect(error.message).toContain('NULL');
  });

  test.each([
    [undefined],
    ['0x10'],
    [16],
    [-1n],
    [2n ** 64n],
    [{}],
    [[]],
    [Buffer.alloc(1)],
    [true],
    [() => 1n],
    [Symbol('address')],
  ])('%p', (address) => {
    expectRefusal(() => track(address, options()), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
  });

  test('a tracked pointer, which has an owner', () => {
    const pointer = track(make(1), options());
    expectRefusal(() => track(pointer, options()), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
    expect(pointer.disposed).toBe(false);
    pointer.dispose();
  });

  test.each([
    ['no options', undefined, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['null', null, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['a number', 12, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['an option that does not exist', { size: 1, free: null, sise: 1 }, 'ERR_TALLY_UNKNOWN_OPTION'],
    ['no destructor', { size: 1 }, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['undefined as a destructor', { size: 1, free: undefined }, 'ERR_TALLY_INVALID_ARG_TYPE'],
  ])('%s', (_, given, code) => {
    expectRefusal(() => track(1n, given), TypeError, code);
  });

  test.each([['free'], [12], [true], [{}], [[]], [{ args: [] }], [Buffer.alloc(8)], [Symbol('free')]])(
    'a destructor that is %p',
    (given) => {
      const address = make(1);
      expectRefusal(() => track(address, { size: 1, free: given }), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
      expect(counters()).toMatchObject({ freed: 0, foreign_frees: 0 });
      things.free(address);
    },
  );

  test.each([0n, -1n, 2n ** 64n])('a destructor at %p', (given) => {
    expectRefusal(() => track(1n, { size: 1, free: given }), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
  });

  test.each([
    ['no address', { address: undefined, args: [] }, 'ERR_TALLY_INVALID_ARG_TYPE', TypeError],
    ['NULL as the address', { address: 0n, args: [] }, 'ERR_TALLY_INVALID_ARG_TYPE', TypeError],
    ['no arguments', { address: FREE }, 'ERR_TALLY_INVALID_ARG_TYPE', TypeError],
    ['an argument that is a string', { address: FREE, args: ['x'] }, 'ERR_TALLY_INVALID_ARG_TYPE', TypeError],
    ['a fraction', { address: FREE, args: [POINTER, 0.5] }, 'ERR_TALLY_INVALID_ARG_TYPE', TypeError],
    ['another symbol', { address: FREE, args: [Symbol('SIZE')] }, 'ERR_TALLY_INVALID_ARG_TYPE', TypeError],
    ['65 bits', { address: FREE, args: [2n ** 64n] }, 'ERR_TALLY_INVALID_ARG_VALUE', RangeError],
    [
      '65 bits below zero',
      { address: FREE, args: [-(2n ** 63n) - 1n] },
      'ERR_TALLY_INVALID_ARG_VALUE',
      RangeError,
    ],
  ])('bound arguments with %s', (_, given, code, Class) => {
    expectRefusal(() => track(1n, { size: 1, free: given }), Class, code);
  });

  describe('bound arguments in an array that says something else each time', () => {
    const lying = (answers) => new Proxy([POINTER, 1], { get: (list, key) => answers(list, key) });
    const endless = function* () {
      for (;;) yield 1;
    };
    const iterating = (list, key) => (key === Symbol.iterator ? endless : list[key]);
    const withLength = (length) => lying((list, key) => (key === 'length' ? length : list[key]));
    let reads = 0;
    const growing = () => lying((list, key) => (key === 'length' ? 2 + 100 * reads++ : 1));

    test.each([NaN, -1, 1.5, 33, 2 ** 32, Infinity, '2', undefined, {}])('a length of %p', (length) => {
      const attempt = () => track(1n, { size: 1, free: { address: FREE, args: withLength(length) } });
      expectRefusal(attempt, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
    });

    testBound('what was read once is what counts', () => {
      class Iterating extends Array {
        [Symbol.iterator]() {
          return endless();
        }
      }
      for (const args of [lying(iterating), growing(), Iterating.of(POINTER, 1)]) {
        track(4096n, { size: 10, free: { address: binding.nothing, args } }).dispose();
      }
    });
  });
});

describe('once there is a destructor, the pointer is freed before an error', () => {
  const parentOf = () => {
    const parent = track(1n, { size: 0, free: null, label: 'parent' });
    parent.dispose();
    return parent;
  };
  const badInput = [
    ['no size', { size: undefined }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['a size that is null', { size: null }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['a size that is a string', { size: '1' }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['a size that is a function', { size: () => 1 }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['a negative size', { size: -1 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['NaN', { size: NaN }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['a fraction', { size: 0.5 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['infinity', { size: Infinity }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['2^53', { size: 2 ** 53 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['2^53 as a bigint', { size: 2n ** 53n }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['a negative bigint', { size: -1n }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['a label that is a number', { label: 1 }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['a label that is null', { label: null }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['an empty label', { label: '' }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['an option that does not exist', { sise: 1 }, TypeError, 'ERR_TALLY_UNKNOWN_OPTION'],
    ['a parent that is an address', { parent: 1n }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['a parent that is an object', { parent: {} }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
  ];

  describe.each(forms)('freed by %s', (_, form) => {
    test.each(badInput)('%s', (__, bad, Class, code) => {
      const given = { size: 100, free: form(), label: 'bad', ...bad };
      const address = make(100);
      // Without a size no destructor could be told one.
      const sized = typeof form() === 'object' && 'size' in bad;
      if (sized) given.free = FREE;
      expectRefusal(() => track(address, given), Class, code);
      expect(counters()).toMatchObject({ made: 1, freed: 1 });
    });

    test('a parent that is disposed', () => {
      const parent = parentOf();
      const address = make(100);
      expectRefusal(
        () => track(address, { size: 100, free: form(), parent }),
        ReferenceError,
        'ERR_TALLY_DISPOSED',
      );
      expect(counters()).toMatchObject({ made: 1, freed: 1 });
    });

    test('a total past 2^53 - 1', () => {
      const huge = track(1n, { size: Number.MAX_SAFE_INTEGER - 99, free: null });
      const options = { size: 100, free: form() };
      expectRefusal(() => track(make(100), { ...options, size: 2 ** 20 }), RangeError, 'ERR_TALLY_OVERFLOW');
      if (typeof options.free !== 'object') expect(counters()).toMatchObject({ made: 1, freed: 1 });
      else things.reset();
      huge.dispose();
    });
  });

  test('a getter that throws', () => {
    const options = {
      free: FREE,
      get size() {
        throw new Error('on purpose');
      },
    };
    expect(errorOf(() => track(make(1), options)).message).toBe('on purpose');
    expect(counters()).toMatchObject({ freed: 1 });
  });

  test('a destructor that throws then does not hide the error', () => {
    const failing = () => {
      throw new Error('of the destructor');
    };
    expectRefusal(() => track(1n, { size: -1, free: failing }), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
  });
});

describe('at the limit of what can be counted', () => {
  const LIMIT = Number.MAX_SAFE_INTEGER;

  test('exactly full', () => {
    const most = track(1n, { size: LIMIT - 10, free: null });
    const rest = track(make(10), { size: 10, free: FREE });
    expect(stats().bytes).toBe(LIMIT);
    expect(rest.size).toBe(10);
    rest.dispose();
    most.dispose();
  });

  test('small pointers that no longer fit are refused or counted, and never lost', () => {
    const most = track(1n, { size: LIMIT - 1000, free: null });
    const kept = [];
    let refused = 0;
    for (let i = 0; i < 300; i++) {
      try {
        kept.push(track(make(10), { size: 10, free: FREE }));
      } catch (error) {
        expect(error.code).toBe('ERR_TALLY_OVERFLOW');
        refused++;
      }
    }
    expect(counters().live).toBe(300 - refused);
    expect(refused).toBeGreaterThan(0);
    for (const pointer of kept) pointer.dispose();
    expect(counters()).toMatchObject({ live: 0, freed: 300 });
    most.dispose();
  });
});

describe('inside a destructor', () => {
  test('tracking', () => {
    const kept = [];
    const pointer = track(make(10), {
      size: 10,
      free(address) {
        things.free(address);
        kept.push(track(make(20), { size: 20, free: FREE }));
        kept.push(track(make(2 ** 20), { size: 2 ** 20, free: FREE }));
      },
    });
    pointer.dispose();
    expect(counters()).toMatchObject({ live: 2, freed: 1 });
    expect(stats()).toMatchObject({ pointers: 2, bytes: 20 + 2 ** 20 });
    for (const made of kept) made.dispose();
  });

  test('in C, of what could not be tracked: what its callback disposes of is freed after it', async () => {
    const other = track(make(10), { size: 10, free: FREE });
    let freed;
    const callback = () => {
      other.dispose();
      freed = counters().freed;
    };
    const registered = koffi.register(callback, koffi.pointer(koffi.proto('void OfRefused(void *pointer)')));
    expect(() => track(4096n, { size: -1, free: koffi.address(registered) })).toThrow(RangeError);
    expect(freed).toBe(0);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(counters().freed).toBe(1);
    koffi.unregister(registered);
  });

  test('tracking in the destructor of what is tracked there, a thousand deep', () => {
    let left = 1000;
    const trackOne = () =>
      track(make(10), {
        size: 10,
        free(address) {
          things.free(address);
          if (--left > 0) trackOne().dispose();
        },
      });
    trackOne().dispose();
    expect(counters()).toMatchObject({ made: 1000, freed: 1000 });
  });

  test('disposing others, and itself', () => {
    const others = Array.from({ length: 5 }, () => track(make(10), { size: 10, free: FREE }));
    stats(); // gives all of them a place in the ledger
    others.push(track(make(10), { size: 10, free: FREE }));
    const pointer = track(make(10), {
      size: 10,
      free(address) {
        for (const other of others) other.dispose();
        pointer.dispose();
        expect(pointer.disposed).toBe(true);
        things.free(address);
      },
    });
    pointer.dispose();
    expect(counters()).toMatchObject({ made: 7, freed: 7, live: 0 });
    expect(stats().totals.failed).toBe(0);
  });

  test('what is disposed there is freed after it has returned, never inside', () => {
    const order = [];
    const logged = (name, then = () => {}) =>
      track(make(10), {
        size: 10,
        free(address) {
          order.push(`${name} begins`);
          then();
          things.free(address);
          order.push(`${name} ends`);
        },
      });
    const inner = logged('inner');
    const middle = logged('middle', () => inner.dispose());
    logged('outer', () => middle.dispose()).dispose();
    const names = ['outer', 'middle', 'inner'];
    expect(order).toEqual(names.flatMap((name) => [`${name} begins`, `${name} ends`]));
  });

  test('a call back from C: a destructor that is a C callback', () => {
    const proto = koffi.proto(`void track_test_${Date.now()}_free(void *thing)`);
    const kept = [];
    const callback = koffi.register((thing) => {
      stats();
      kept.push(track(make(20), { size: 20, free: FREE }));
      things.free(thing);
    }, koffi.pointer(proto));
    const pointer = track(make(10), { size: 10, free: koffi.address(callback) });
    pointer.dispose();
    expect(counters()).toMatchObject({ made: 2, freed: 1 });
    expect(stats()).toMatchObject({ pointers: 1, bytes: 20 });
    kept.pop().dispose();
    koffi.unregister(callback);
  });

  test('collect() frees nothing there, and everything after', () => {
    let inside;
    (() => {
      for (let i = 0; i < 10; i++) track(make(10), { size: 10, free: FREE });
    })();
    const pointer = track(make(10), {
      size: 10,
      free(address) {
        inside = collect();
        things.free(address);
      },
    });
    pointer.dispose();
    expect(inside).toEqual({ bytes: 0, pointers: 0 });
    collect();
    expect(counters()).toMatchObject({ made: 11, freed: 11 });
  });
});

describe('a destructor that throws', () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  beforeEach(() => warn.mockClear());
  afterAll(() => warn.mockRestore());

  const failing = (address) => {
    things.free(address);
    throw new Error('on purpose');
  };

  test('is counted, announced once per account, and does not stop the others', async () => {
    const before = stats().totals.failed;
    (() => {
      for (let i = 0; i < 10; i++) {
        track(make(10), { size: 10, label: 'failing', free: failing });
        track(make(10), { size: 10, label: 'sound', free });
        track(make(10), { size: 10, label: 'native', free: FREE });
      }
    })();
    collect();
    expect(counters()).toMatchObject({ made: 30, freed: 30 });
    expect(stats().totals.failed - before).toBe(10);
    expect(stats().accounts.find(({ label }) => label === 'failing')).toMatchObject({
      failed: 10,
      pointers: 0,
    });
    expect(stats().accounts.find(({ label }) => label === 'sound').failed).toBe(0);
    await null;
    expect(warn).toHaveBeenCalledTimes(1);
    const [text, options] = warn.mock.calls[0];
    expect(text).toContain(`'failing'`);
    expect(text).toContain('on purpose');
    expect(options).toMatchObject({ type: 'FfiTallyWarning', code: 'FFI_TALLY_DESTRUCTOR' });
  });

  test('does not throw out of dispose(), whatever it throws', async () => {
    const thrown = [new Error('x'), null, undefined, 'a string', 42n, Object.create(null)];
    for (const [i, value] of thrown.entries()) {
      const free = (address) => {
        things.free(address);
        throw value;
      };
      const pointer = track(make(10), { size: 10, label: `throws ${i}`, free });
      expect(() => pointer.dispose()).not.toThrow();
    }
    await null;
    expect(warn).toHaveBeenCalledTimes(thrown.length);
    expect(counters()).toMatchObject({ made: thrown.length, freed: thrown.length });
  });

  test('is told to those who listen on the diagnostics channel, each time', async () => {
    const { subscribe, unsubscribe } = require('node:diagnostics_channel');
    const heard = [];
    const listener = (message) => heard.push(message);
    subscribe('ffi-tally:destructor-error', listener);
    for (let i = 0; i < 3; i++) track(make(10), { size: 10, label: 'heard', free: failing }).dispose();
    await null;
    unsubscribe('ffi-tally:destructor-error', listener);
    track(make(10), { size: 10, label: 'heard', free: failing }).dispose();
    await null;
    expect(heard).toHaveLength(3);
    expect(heard[0]).toMatchObject({ label: 'heard', error: { message: 'on purpose' } });
  });

  inChildren.test('the warning of a real process names the account and comes once', async () => {
    const child = await runChild(`
      const { track } = require('./lib');
      const free = () => { throw new TypeError('broken'); };
      for (let i = 0; i < 3; i++) track(1n, { size: 1, label: 'gadget', free }).dispose();
    `);
    expect(child).toMatchObject({ code: 0, signal: null, stdout: '' });
    expect(child.stderr.match(/FfiTallyWarning/g)).toHaveLength(1);
    expect(child.stderr).toContain('FFI_TALLY_DESTRUCTOR');
    expect(child.stderr).toContain(`'gadget'`);
    expect(child.stderr).toContain('broken');
  });
});

test('only track() makes tracked pointers', () => {
  const error = errorOf(() => new TrackedPointer());
  expect(error).toBeInstanceOf(TypeError);
  expect(error.code).toBe('ERR_TALLY_ILLEGAL_CONSTRUCTOR');
  expect(errorOf(() => new TrackedPointer(Symbol('ffi-tally'), 1n, 0, {})).code).toBe(
    'ERR_TALLY_ILLEGAL_CONSTRUCTOR',
  );
  const pointer = track(1n, { size: 0, free: null });
  expect(errorOf(() => new pointer.constructor()).code).toBe('ERR_TALLY_ILLEGAL_CONSTRUCTOR');
  expect(inspect(pointer)).toContain('TrackedPointer');
  pointer.dispose();
});
