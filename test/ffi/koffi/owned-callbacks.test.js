'use strict';
// Callbacks in whose prototypes there are owned types.

const { promisify } = require('node:util');
const { TrackedPointer, collect, stats } = require('../../../lib');
const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { runChild } = require('../../support/child.js');
const { counting, declareThings, isKoffi2, koffi, ownedThing, things, unique } = require('./setup.js');

const library = koffi.load(counting);
const { counters } = things;

beforeEach(things.reset);
afterEach(expectBalance);

function declare(options) {
  const { T, Owned, make } = declareThings(options);
  const [Give, Take] = [unique('Give'), unique('Take')];
  const give = koffi.proto(`void ${Give}(${Owned} thing)`);
  const take = koffi.proto(`${Owned} ${Take}(int value)`);
  return { T, Owned, make, Give, Take, give, take };
}

const each = (Give, form) =>
  form === 'classic'
    ? library.func('things_each', 'int', ['int', 'size_t', `${Give} *`])
    : library.func(`int things_each(int count, size_t bytes, ${Give} *give)`);
const from = (Take) => library.func(`int64_t thing_from(${Take} *take, int value)`);

describe('what C gives', () => {
  test.each(['prototype', 'classic'])('is tracked, in the form: %s', (form) => {
    const { Give, Owned } = declare();
    const got = [];
    expect(each(Give, form)(3, 10, (thing) => void got.push(thing))).toBe(3);
    expect(got.map(({ label, size }) => [label, size])).toEqual(Array(3).fill([Owned, 10]));
    for (const thing of got) thing.dispose();
    expect(counters()).toMatchObject({ made: 3, freed: 3 });
  });

  test('is freed by the callback, by dispose() or by hand', () => {
    const { Give } = declare();
    const free = library.func('void thing_free(void *thing)');
    each(Give)(2, 10, (thing) => thing.dispose());
    each(Give)(2, 10, (thing) => free(thing));
    expect(counters()).toMatchObject({ made: 4, freed: 4 });
  });

  test('is collected where the callback forgets it', () => {
    const { Give } = declare();
    each(Give)(5, 10, () => {});
  });

  test('by a call on another thread', async () => {
    const { Give } = declare();
    const got = [];
    await promisify(each(Give).async)(2, 10, (thing) => void got.push(thing));
    expect(got.every((thing) => thing instanceof TrackedPointer)).toBe(true);
    for (const thing of got) thing.dispose();
  });

  test.each(['void', 'int', 'double', 'bool', 'void *', 'const char *'])(
    'to a callback that returns %s, after that has thrown, has an owner, too; the first error is thrown',
    (result) => {
      const { Owned } = declare();
      const Give = unique('Give');
      koffi.proto(`${result} ${Give}(${Owned} thing)`);
      let calls = 0;
      const fail = () => {
        throw new RangeError(`call ${calls++}`);
      };
      expect(() => each(Give)(3, 10, fail)).toThrow('call 0');
      collect();
      expect(counters()).toMatchObject({ made: 3, freed: 3 });
    },
  );

  test('may be what a callback returns that returns nothing', () => {
    const { Give } = declare();
    expect(each(Give)(2, 10, (thing) => thing)).toBe(2);
    collect();
    expect(counters()).toMatchObject({ made: 2, freed: 2 });
  });

  test('to a callback that is registered, owned or not', () => {
    const { Give, give } = declare();
    const all = each(Give);
    for (const more of [[], [{ owned: true }]]) {
      const got = [];
      const callback = koffi.register((thing) => void got.push(thing), koffi.pointer(give), ...more);
      all(2, 10, callback);
      for (const thing of got) thing.dispose();
      koffi.unregister(callback);
      expect(got.length).toBe(2);
    }
    expect(stats().pointers).toBe(0);
  });

  test('and has no size is freed, and the call throws', () => {
    const { Give } = declare({ size: () => -1 });
    expect(() => each(Give)(1, 10, () => {})).toThrow(expect.objectContaining({ code: 'ERR_TALLY_SIZE' }));
    expect(counters()).toMatchObject({ made: 1, freed: 1 });
  });
});

test('where one of several has no size, all are freed, and the callback sees none', () => {
  const { Owned } = declare();
  for (const size of [() => -1, 10]) {
    const { Owned: Bad } = ownedThing({ size: () => -1 });
    const { Owned: Other } = ownedThing({ size });
    const Pair = unique('Pair');
    koffi.proto(`void ${Pair}(${Bad} first, ${Other} second, ${Owned} third)`);
    const three = library.func(`void things_three(size_t bytes, ${Pair} *give)`);
    const seen = jest.fn();
    expect(() => three(10, seen)).toThrow(expect.objectContaining({ code: 'ERR_TALLY_SIZE' }));
    expect(seen).not.toHaveBeenCalled();
  }
  expect(counters()).toMatchObject({ made: 6, freed: 6 });
});

test('structs are refused where they own, as a result, or by members of an argument', () => {
  const { Owned } = declare();
  const [Pair, OwnedPair, Give, Take] = ['Pair', 'OwnedPair', 'Give', 'Take'].map(unique);
  koffi.struct(Pair, { thing: 'void *' });
  koffi.owned(OwnedPair, Pair, { free: null, size: 0 });
  const Owning = unique('Owning');
  koffi.struct(Owning, { thing: Owned });
  const give = koffi.proto(`void ${Give}(${Owning} pair)`);
  const take = koffi.proto(`${OwnedPair} ${Take}(int value)`);
  for (const proto of [give, take]) {
    const type = koffi.pointer(proto);
    expectRefusal(() => koffi.register(() => {}, type), TypeError, 'ERR_TALLY_UNSUPPORTED');
    expectRefusal(() => library.func('thing_from', 'void', [type]), TypeError, 'ERR_TALLY_UNSUPPORTED');
  }
});

test('a struct with such a callback is refused: nobody would know what C gives to it', () => {
  const { Owned } = declare();
  const [Give, Table] = ['Give', 'Table'].map(unique);
  koffi.proto(`void ${Give}(${Owned} thing)`);
  koffi.struct(Table, { give: `${Give} *`, n: 'int' });
  for (const parameter of [`${Table} *table`, `const ${Table} *table`, `${Table} table`]) {
    expectRefusal(() => library.func(`int64_t thing_id(${parameter})`), TypeError, 'ERR_TALLY_UNSUPPORTED');
  }
});

test('Koffi 2 takes nothing', () => {
  if (!isKoffi2) return;
  const { Take } = declare();
  expectRefusal(() => from(Take), TypeError, 'ERR_TALLY_UNSUPPORTED');
});

(isKoffi2 ? describe.skip : describe)('what C takes', () => {
  test('ends for JavaScript', () => {
    const { Take, make } = declare();
    let thing;
    expect(Number(from(Take)((value) => (thing = make(value)), 10))).toBeGreaterThan(0);
    expect(thing.disposed).toBe(true);
    expect(counters()).toMatchObject({ made: 1, freed: 1 });
  });

  test('may be null, or somebody else\u2019s address', () => {
    const { Take } = declare();
    expect(Number(from(Take)(() => null, 10))).toBe(0);
    expect(Number(from(Take)(() => things.makeRaw(10), 10))).toBeGreaterThan(0);
  });

  test('is of that type', () => {
    const { Take } = declare();
    const { Owned } = ownedThing();
    const other = library.func(`${Owned} thing_new(size_t bytes)`)(10);
    expectRefusal(() => from(Take)(() => other, 1), TypeError, 'ERR_TALLY_TYPE_MISMATCH');
    other.dispose();
  });

  test('is not what others need', () => {
    const { Take, T, make } = declare();
    const keep = library.func(`void *thing_interior(${T} *thing, size_t offset)`, { keeps: 0 });
    const thing = make(10);
    const inside = keep(thing, 1);
    expectRefusal(() => from(Take)(() => thing, 1), Error, 'ERR_TALLY_IN_USE');
    for (const one of [inside, thing]) one.dispose();
  });

  test('is nothing of a callback that throws, whatever is where C looks for its result', () => {
    const { Take, take } = declare();
    const fail = () => {
      throw new RangeError('none today');
    };
    const call = from(Take);
    const registered = koffi.register(fail, koffi.pointer(take));
    for (const callback of [fail, registered]) expect(() => call(callback, 1)).toThrow('none today');
    koffi.unregister(registered);
    // The call inside does not throw what the one around it must.
    expect(() => call(() => (expect(() => call(fail, 1)).toThrow('none today'), null), 1)).not.toThrow();
  });

  test('is nothing of a callback that throws, and what C gives nevertheless has owners', () => {
    const { Owned, Take } = declare();
    const both = `${Owned} thing_despite(${Take} *take, int value, _Out_ ${Owned} *stored)`;
    const box = [null];
    expect(() => library.func(both)(() => JSON.parse('{'), 1, box)).toThrow(SyntaxError);
    box[0].dispose();
    collect();
    expect(counters()).toMatchObject({ made: 2, freed: 2 });
  });

  test('is not what Koffi takes for no pointer', () => {
    const { Take } = declare();
    for (const wrong of [true, Symbol('wrong'), {}, () => 1, 0.5, NaN, 'text']) {
      expectRefusal(() => from(Take)(() => wrong, 1), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
    }
    expect(Number(from(Take)(() => undefined, 1))).toBe(0);
  });

  test('may be an integer, where it is said which is none', () => {
    const [Known, Unknown] = ['Known', 'Unknown'].map(unique);
    koffi.owned(Known, 'int', { free: null, size: 0, invalid: -7 });
    koffi.owned(Unknown, 'int', { free: null, size: 0 });
    const [Take, Other] = ['Take', 'Take'].map(unique);
    koffi.proto(`${Known} ${Take}(int value)`);
    koffi.proto(`${Unknown} ${Other}(int value)`);
    const take = library.func(`void int_from(${Take} *take, int value, int *taken)`);
    const taken = new Int32Array(1);
    take((value) => value + 1, 4, taken);
    expect(taken[0]).toBe(5);
    const fail = () => {
      throw new RangeError('none today');
    };
    expect(() => take(fail, 1, taken)).toThrow('none today');
    expect(taken[0]).toBe(-7);
    for (const wrong of [null, undefined, 'text', 0.5]) {
      expectRefusal(() => take(() => wrong, 1, taken), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
    }
    const unknown = `void int_from(${Other} *take, int value, int *taken)`;
    expectRefusal(() => library.func(unknown), TypeError, 'ERR_TALLY_UNSUPPORTED');
  });

  test('is nothing of a callback that throws, and whose call is on another thread', async () => {
    const child = await runChild(`
      const { declareThings, koffi } = require('./test/ffi/koffi/setup.js');
      const { Owned, library } = declareThings();
      koffi.proto(\`\${Owned} Take(int value)\`);
      const from = library.func('int64_t thing_from(Take *take, int value)');
      process.on('uncaughtException', (error) => console.log('uncaught', error.message));
      from.async(() => { throw new RangeError('none today'); }, 1, (...results) => console.log(...results));
    `);
    expect(child.stderr).toBe('');
    expect(child.stdout.split('\n').sort()).toEqual(['', 'null 0', 'uncaught none today']);
  });

  test('is nothing of a callback that throws in a destructor, of which the program is warned', async () => {
    const child = await runChild(`
      const { track, stats } = require('./lib');
      const { counting, declareThings, koffi } = require('./test/ffi/koffi/setup.js');
      const { Owned, library } = declareThings();
      const take = koffi.pointer(koffi.proto(\`\${Owned} Take(int value)\`));
      const callback = koffi.register(() => { throw new RangeError('none today'); }, take);
      const free = { address: library.symbol('thing_from', 'void *'), args: [callback, 0] };
      process.on('warning', ({ code, message }) => console.log(code, /none today/.test(message)));
      track(4096n, { size: 1, free }).dispose();
      console.log(stats().totals.failed);
    `);
    expect(child).toMatchObject({ code: 0, stdout: '1\nFFI_TALLY_DESTRUCTOR true\n' });
  });
});

test('a tracked pointer in place of a plain result: C gets NULL, and the call throws', () => {
  const { T, make, Owned } = declareThings();
  const Find = unique('Find');
  koffi.proto(`${T} *${Find}(int value)`);
  const call = library.func(`int64_t thing_from(${Find} *find, int value)`);
  const thing = make(10);
  const error = expectRefusal(() => call(() => thing, 1), TypeError, 'ERR_TALLY_UNSUPPORTED');
  expect(error.message).toContain(`'${Owned}'`);
  expect([thing.disposed, call(() => null, 1)]).toEqual([false, 0]);
  if (isKoffi2) return thing.dispose();
  expect(call(() => thing.release(), 1)).toBeGreaterThan(0); // which C has freed
  expect(counters()).toMatchObject({ made: 1, freed: 1 });
});

test('an error of a callback with a plain result is thrown where Koffi throws it: in another call, too', () => {
  const { T } = declareThings();
  const Find = unique('Find');
  const type = koffi.pointer(koffi.proto(`${T} *${Find}(void *data, int value)`));
  const callback = koffi.register(() => { throw new RangeError('none today'); }, type); // prettier-ignore
  library.func('callback_keep', 'void', ['void *', type, 'void *'])(null, callback, null);
  expect(() => library.func('int callback_call(int value)')(1)).toThrow('none today');
  koffi.unregister(callback);
});
