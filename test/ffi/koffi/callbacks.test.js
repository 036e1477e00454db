'use strict';

const { promisify } = require('node:util');
const { TrackedPointer, collect, stats } = require('../../../lib');
const { errorOf, expectBalance, expectRefusal } = require('../../support/balance.js');
const { gcUntil } = require('../../support/gc-until.js');
const { counting, declareThings, isKoffi2, koffi, raw, things, unique } = require('./setup.js');

const library = koffi.load(counting);
const { counters } = things;
// Koffi 2 does not tell how many slots are in use; there, exhausting them is what would fail.
const slots = () => raw.stats().callbacks ?? NaN;

beforeEach(things.reset);
afterEach(expectBalance);

function declareCallback() {
  const name = unique('Callback');
  const proto = koffi.proto(`int ${name}(void *thing, int value)`);
  const type = `${name} *`;
  const register = (callback) => koffi.register(callback, type, { owned: true });
  return { name, proto, type, register };
}

/** thing_call() with a thing of plain Koffi. */
function declareCall(type) {
  const call = library.func('thing_call', 'int', ['void *', type, 'int']);
  return (...args) => {
    const thing = things.make(10);
    try {
      return call(thing, ...args);
    } finally {
      things.free(thing);
    }
  };
}

describe('an owned callback', () => {
  test('is a tracked pointer that C can call', () => {
    const { register, type } = declareCallback();
    const before = slots();
    const callback = register((_, value) => value + 1);
    const call = declareCall(type);
    expect(callback).toBeInstanceOf(TrackedPointer);
    expect(slots()).toBe(before + 1);
    expect(call(callback, 41)).toBe(42);
    expect(call(callback, 1)).toBe(2);
    callback.dispose();
    expect(slots()).toBe(before);
  });

  test('takes its type as an object too', () => {
    const { proto } = declareCallback();
    const callback = koffi.register(() => 5, koffi.pointer(proto), { owned: true });
    expect(declareCall(koffi.pointer(proto))(callback, 1)).toBe(5);
    callback.dispose();
  });

  test('in the deprecated form with `this`', () => {
    const { type } = declareCallback();
    const object = { add: 10 };
    const callback = koffi.register(object, function (_, value) { return this.add + value; }, type, { owned: true }); // prettier-ignore
    expect(declareCall(type)(callback, 1)).toBe(11);
    callback.dispose();
  });

  test('can be called and decoded as a function pointer', () => {
    const { register, proto } = declareCallback();
    const callback = register((_, value) => value * 2);
    expect(koffi.call(callback, proto, null, 4)).toBe(8);
    expect(koffi.decode(callback, proto)(null, 5)).toBe(10);
    callback.dispose();
  });

  test('after its end is refused', () => {
    const { register, type, proto } = declareCallback();
    const callback = register(() => 1);
    const call = declareCall(type);
    callback.dispose();
    expectRefusal(() => call(callback, 1), ReferenceError, 'ERR_TALLY_DISPOSED');
    expectRefusal(() => koffi.call(callback, proto, null, 1), ReferenceError, 'ERR_TALLY_DISPOSED');
  });

  test('unregistered by hand: a dispose, once', () => {
    const { register } = declareCallback();
    const before = slots();
    const callback = register(() => 1);
    koffi.unregister(callback);
    expect(callback.disposed).toBe(true);
    expect(slots()).toBe(before);
    koffi.unregister(callback);
    callback.dispose();
    expect(slots()).toBe(before);
    expect(stats().totals.failed).toBe(0);
  });

  test('given back when it is collected', async () => {
    const { register } = declareCallback();
    const before = slots();
    (() => {
      const callbacks = Array.from({ length: 100 }, (_, i) => register(() => i));
      expect(slots()).toBe(before + 100);
      for (const callback of callbacks) expect(callback.disposed).toBe(false);
    })();
    await gcUntil('the slots are back', () => (collect(), Object.is(slots(), before)));
    expect(stats().totals.failed).toBe(0);
  });

  test('given back inside a synchronous loop: ten thousand do not exhaust the 8192 slots', () => {
    const { register } = declareCallback();
    const before = slots();
    (() => {
      for (let i = 0; i < 10_000; i++) {
        register(() => i);
        if (i % 1000 === 999) collect();
      }
    })();
    collect();
    expect(slots()).toBe(before);
  });

  test('ten thousand, with nobody who collects now and then', () => {
    const { register } = declareCallback();
    const before = slots();
    (() => {
      for (let i = 0; i < 10_000; i++) register(() => i);
    })();
    collect();
    expect(slots()).toBe(before);
  });

  test('ten thousand, disposed one after the other', () => {
    const { register } = declareCallback();
    const before = slots();
    for (let i = 0; i < 10_000; i++) register(() => i).dispose();
    expect(slots()).toBe(before);
  });

  test('disposed by itself, while C calls it: given back after the call', () => {
    const { register, type } = declareCallback();
    const before = slots();
    const during = [];
    const callback = register((_, value) => {
      callback.dispose();
      during.push(slots());
      return value;
    });
    expect(declareCall(type)(callback, 7)).toBe(7);
    expect(during).toEqual([before + 1]);
    expect(slots()).toBe(before);
  });

  test('collected while C calls it: given back after the call', () => {
    const { register, type } = declareCallback();
    const before = slots();
    const call = declareCall(type);
    const run = () =>
      call(
        register((_, value) => {
          collect();
          expect(slots()).toBe(before + 1);
          return value;
        }),
        7,
      );
    expect(run()).toBe(7);
    collect();
    expect(slots()).toBe(before);
  });

  test('throws what the callback throws', () => {
    const { register, type } = declareCallback();
    const cause = new Error('on purpose');
    const callback = register(() => { throw cause; }); // prettier-ignore
    expect(errorOf(() => declareCall(type)(callback, 1))).toBe(cause);
    callback.dispose();
  });

  test('of another type is refused, naming both', () => {
    const [a, b] = [declareCallback(), declareCallback()];
    const callback = a.register(() => 1);
    const error = expectRefusal(() => declareCall(b.type)(callback, 1), TypeError, 'ERR_TALLY_TYPE_MISMATCH');
    expect(error.message).toContain(a.name);
    expect(error.message).toContain(b.name);
    expect(error.message).toContain('thing_call()');
    callback.dispose();
  });

  test('goes to a function that was declared before there was any owned callback', () => {
    const { register, type } = declareCallback();
    const call = declareCall(type);
    const callback = register(() => 3);
    expect(call(callback, 1)).toBe(3);
    callback.dispose();
  });

  test('costs no bytes, and has an account', () => {
    const { register, name } = declareCallback();
    const callback = register(() => 1);
    expect(stats()).toMatchObject({ bytes: 0, pointers: 1 });
    expect(callback.label).toContain(name);
    callback.dispose();
  });

  test('with an owned thing as its argument', () => {
    const { T, make, library: lib } = declareThings();
    const name = unique('Callback');
    koffi.proto(`int ${name}(${T} *thing, int value)`);
    const callback = koffi.register(() => 4, `${name} *`, { owned: true });
    const call = lib.func(`int thing_call(${T} *thing, ${name} *callback, int value)`);
    const thing = make(10);
    expect(call(thing, callback, 1)).toBe(4);
    thing.dispose();
    callback.dispose();
  });
});

describe('bad declarations', () => {
  test('are those of Koffi, and no slot is lost', () => {
    const before = slots();
    for (const args of [
      ['text', 'int'],
      [() => 1, 'int'],
      [() => 1, 'no_such_type *'],
    ]) {
      // prettier-ignore
      const expected = errorOf(() => raw.register(...args));
      const error = errorOf(() => koffi.register(...args, { owned: true }));
      expect(error.message).toBe(expected.message);
      expect(error.code).toBe(undefined);
    }
    expect(slots()).toBe(before);
  });

  test('an unknown option', () => {
    const { type } = declareCallback();
    const before = slots();
    expectRefusal(() => koffi.register(() => 1, type, { owned: true, once: true }), TypeError, 'ERR_TALLY_UNKNOWN_OPTION'); // prettier-ignore
    expect(slots()).toBe(before);
  });
});

describe('without `owned`', () => {
  test('is that of Koffi', () => {
    const { type } = declareCallback();
    const before = slots();
    for (const options of [[], [{ owned: false }]]) {
      const callback = koffi.register((_, value) => value - 1, type, ...options);
      expect(callback).not.toBeInstanceOf(TrackedPointer);
      expect(typeof callback).toBe(isKoffi2 ? 'object' : 'bigint');
      expect(declareCall(type)(callback, 3)).toBe(2);
      koffi.unregister(callback);
    }
    expect(slots()).toBe(before);
  });

  test('`this` and arguments are what they are in Koffi', () => {
    const { type } = declareCallback();
    const seen = {};
    for (const api of [raw, koffi]) {
      seen[api === raw ? 'raw' : 'ours'] = [];
      const list = seen[api === raw ? 'raw' : 'ours'];
      const callback = api.register(function (...args) { list.push(this === undefined, args.length, typeof args[1]); return 0; }, type); // prettier-ignore
      declareCall(type)(callback, 3);
      api.unregister(callback);
    }
    expect(seen.ours).toEqual(seen.raw);
  });
});

describe('a function that C keeps', () => {
  function declare(options) {
    const { T, make, id } = declareThings();
    const { type } = declareCallback();
    const keep = library.func(`void callback_keep(${T} *thing, ${type}callback, ${T} *data)`, options);
    const call = library.func('int callback_call(int value)');
    return { make, id, keep, call, classic: ['callback_keep', 'void', [`${T} *`, type, `${T} *`], options] };
  }

  test('is registered, and let go with what keeps it', async () => {
    const { make, keep, call, classic } = declare({ keeps: { 0: 1 }, replaces: true });
    const before = slots();
    const thing = make(10);
    for (const func of [keep, library.func(...classic)]) {
      (() => func(thing, (_, value) => value + 1, null))();
      collect();
      expect(call(41)).toBe(42);
    }
    await promisify(keep.async)(thing, (_, value) => value + 2, null);
    collect();
    expect(call(41)).toBe(43);
    thing.dispose();
    await gcUntil('the callbacks are unregistered', () => (collect(), stats().pointers === 0));
    expect(slots()).toBe(before);
  });

  test('by the result', async () => {
    const { T, make } = declareThings();
    const { type } = declareCallback();
    const prototype = `void *thing_act(const char *script, ${T} *thing, ${type}callback, uint64_t c, uint64_t d)`;
    const thing = make(10);
    const result = library.func(prototype, { keeps: 2 })('..>i0', thing, () => 1, 0n, 0n);
    expect(stats().pointers).toBe(3);
    for (const each of [result, thing]) each.dispose();
    await gcUntil('the callback is unregistered', () => (collect(), stats().pointers === 0));
  });

  test('and calls once: unregistered then, and what it keeps is freed', async () => {
    const { make, id, keep, call } = declare({ once: 1, keeps: { 1: 2 } });
    const before = slots();
    const data = make(10);
    const [thing, expected] = [make(20), id(data)];
    const got = [];
    (() => keep(thing, (...args) => got.push(args) && 7, data))();
    for (const each of [data, thing]) each.dispose();
    collect();
    expect([counters().live, slots()]).toEqual([1, isKoffi2 ? NaN : before + 1]);
    expect(call(5)).toBe(7);
    expect(got.map(([, value]) => value)).toEqual([5]);
    await gcUntil('the callback is unregistered', () => stats().pointers === 0);
    expect([slots(), expected > 0]).toEqual([before, true]);
    expect(counters()).toMatchObject({ made: 2, freed: 2, freed_underfoot: 0 });
  });

  test('once, though it throws; null is none; a registered one is what it is', async () => {
    const { make, keep, call } = declare({ once: 1 });
    const thing = make(10);
    keep(thing, null, null);
    expect(call(1)).toBe(-1);
    keep(
      thing,
      () => {
        throw new Error('thrown by the callback');
      },
      null,
    );
    expect(() => call(1)).toThrow('thrown by the callback');
    await gcUntil('the callback is unregistered', () => stats().pointers === 1);
    thing.dispose();
  });

  test('once, and never had by C, whose call is refused: unregistered at once', async () => {
    const { make, keep } = declare({ once: 1 });
    const [thing, ended] = [make(10), make(10)];
    ended.dispose();
    const refused = [[ended, null], [thing, ended], [thing, Symbol('data')], [thing]]; // prettier-ignore
    for (const [first, ...rest] of refused) {
      expect(() => keep(first, () => 1, ...rest)).toThrow();
      expect(stats().pointers).toBe(1);
      await expect(promisify(keep.async)(first, () => 1, ...rest)).rejects.toThrow();
      expect(stats().pointers).toBe(1);
    }
    thing.dispose();
  });

  test('once, where another cannot be registered', () => {
    const { type } = declareCallback();
    const func = library.func('callback_keep', 'void', [type, type, 'void *'], { once: [0, 1] });
    const all = [];
    try {
      for (;;) all.push(raw.register(() => 1, type));
    } catch {
      raw.unregister(all.pop());
    }
    expect(() => func(() => 1, () => 1, null)).toThrow(/callback/); // prettier-ignore
    all.push(raw.register(() => 1, type));
    for (const callback of all) raw.unregister(callback);
    expect(stats().pointers).toBe(0);
  });

  test('once means a callback', () => {
    const { T } = declareThings();
    const { type } = declareCallback();
    const prototype = `void callback_keep(${T} *thing, ${type}callback, ${T} *data)`;
    const attempt = (once) => () => library.func(prototype, { once });
    expectRefusal(attempt(0), TypeError, 'ERR_TALLY_UNSUPPORTED');
    expectRefusal(attempt([1, 2]), TypeError, 'ERR_TALLY_UNSUPPORTED');
    expectRefusal(attempt(3), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
    expectRefusal(attempt('1'), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
    expectRefusal(attempt(true), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
  });
});
