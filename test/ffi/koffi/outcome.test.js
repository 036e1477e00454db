'use strict';
// Ownership that depends on what a call comes to: { gives, takes }.

const { TrackedPointer, collect, stats } = require('../../../lib');
const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { gcUntil } = require('../../support/gc-until.js');
const { counting, declareThings, koffi, ownedThing, things, unique } = require('./setup.js');
const { counters } = things;

const library = koffi.load(counting);
const ok = (outcome) => outcome === 0;

beforeEach(things.reset);
afterEach(expectBalance);

/** A function in a prototype or in the classic form, called in this thread or in another. */
const ways = [
  ['in a prototype', false, false],
  ['in the classic form', true, false],
  ['by .async', false, true],
];

function declare(isClassic, name, result, types, options) {
  const func = isClassic
    ? library.func(name, result, types, options)
    : library.func(`${result} ${name}(${types.map((type, i) => `${type} p${i}`).join(', ')})`, options);
  return func;
}

const call = (func, isAsync, ...args) =>
  isAsync
    ? new Promise((resolve, reject) => {
        func.async(...args, (error, value) => (error ? reject(error) : resolve(value)));
      })
    : func(...args);

const addressOf = (pointer) => things.addressOf(pointer);

describe.each(ways)('gives, %s', (_, isClassic, isAsync) => {
  const out = (type) => (isClassic ? koffi.out(koffi.pointer(type)) : `_Out_ ${type} *`);

  test('what C stores is owned where it says so, and otherwise a plain pointer', async () => {
    const { T, Owned } = ownedThing();
    const types = ['int', `${T} *`, out(Owned)];
    const find = declare(isClassic, 'thing_find', 'int', types, { gives: ok });
    const known = things.make(10);
    const box = [null];
    expect(await call(find, isAsync, 0, null, box)).toBe(0);
    expect(box[0]).toBeInstanceOf(TrackedPointer);
    box[0].dispose();
    expect(await call(find, isAsync, 2, known, box)).toBe(2);
    expect(addressOf(box[0])).toBe(known);
    expect(await call(find, isAsync, 1, null, box)).toBe(1);
    expect(box).toEqual([null]);
    collect();
    expect(counters()).toMatchObject({ made: 2, freed: 1 });
    things.free(known);
  });

  test('what C returns, by an argument that it has filled', async () => {
    const { T, Owned } = ownedThing();
    const types = ['int', `${T} *`, isClassic ? koffi.out('int *') : '_Out_ int *'];
    const gives = jest.fn((address, outcome, known, flag) => flag[0] === 1);
    const find = declare(isClassic, 'thing_found', Owned, types, { gives });
    const known = things.make(10);
    const thing = await call(find, isAsync, 0, null, [0]);
    expect(gives).toHaveBeenCalledWith(thing.address, 0, null, [1]);
    thing.dispose();
    expect(addressOf(await call(find, isAsync, 1, known, [0]))).toBe(known);
    expect(await call(find, isAsync, 1, null, [0])).toBe(null);
    expect(gives).toHaveBeenLastCalledWith(null, 1, null, [0]);
    expect(counters()).toMatchObject({ made: 2, freed: 1 });
    things.free(known);
  });

  test.each([
    ['throws', () => { throw new RangeError('no'); }, RangeError], // prettier-ignore
    ['returns no boolean', () => 1, TypeError],
  ])('that %s: its error; what C has stored is plain', async (__, gives, Type) => {
    const { T, Owned } = ownedThing();
    const types = ['int', `${T} *`, out(Owned)];
    const find = declare(isClassic, 'thing_find', 'int', types, { gives });
    const box = [null];
    await expect((async () => call(find, isAsync, 0, null, box))()).rejects.toBeInstanceOf(Type);
    expect(stats().pointers).toBe(0);
    things.free(addressOf(box[0]));
  });

  test('that throws: what C has returned, and nobody else has, is freed once', async () => {
    const { Owned } = ownedThing();
    const gives = () => {
      throw new RangeError('no');
    };
    const make = declare(isClassic, 'thing_new', Owned, ['size_t'], { gives });
    await expect((async () => call(make, isAsync, 10))()).rejects.toBeInstanceOf(RangeError);
    await gcUntil('it is freed', () => (collect(), counters().live === 0));
    expect(counters()).toMatchObject({ made: 1, double_frees: 0 });
  });

  test('that throws: so are the members of a struct that it has returned', async () => {
    const { Owned } = ownedThing();
    const Gift = unique('Gift');
    koffi.struct(Gift, { first: Owned, count: 'int', more: koffi.struct({ list: koffi.array(Owned, 2) }) });
    const gives = () => {
      throw new RangeError('no');
    };
    const make = declare(isClassic, 'gift_new', Gift, ['size_t'], { gives });
    await expect((async () => call(make, isAsync, 10))()).rejects.toBeInstanceOf(RangeError);
    await gcUntil('its members are freed', () => (collect(), counters().live === 0));
    expect(counters()).toMatchObject({ made: 3, double_frees: 0 });
  });
});

describe.each(ways)('takes, %s', (_, isClassic, isAsync) => {
  test('the pointer ends where C says that it has taken it, and otherwise stays', async () => {
    const { make, Owned, id } = declareThings();
    const take = declare(isClassic, 'thing_take', 'int', [Owned, 'int'], { takes: ok });
    const [taken, refused] = [make(10), make(10)];
    expect(await call(take, isAsync, taken, 0)).toBe(0);
    expect(await call(take, isAsync, refused, 1)).toBe(1);
    expect([taken.disposed, refused.disposed]).toEqual([true, false]);
    expect(Number(id(refused))).toBeGreaterThan(0);
    expect(stats()).toMatchObject({ bytes: 10, pointers: 1 });
    refused.dispose();
    expect(counters()).toMatchObject({ made: 2, freed: 2, double_frees: 0 });
  });

  test.each([
    ['throws', () => { throw new RangeError('no'); }, RangeError], // prettier-ignore
    ['returns no boolean', async () => true, TypeError],
  ])('that %s: its error, and C has it', async (__, takes, Type) => {
    const { make, Owned } = declareThings();
    const take = declare(isClassic, 'thing_take', 'int', [Owned, 'int'], { takes });
    const thing = make(10);
    await expect((async () => call(take, isAsync, thing, 0))()).rejects.toBeInstanceOf(Type);
    expect(thing.disposed).toBe(true);
    expect(counters()).toMatchObject({ freed: 1 });
  });
});

test.each([
  ['taken and given', 0, { live: 1, freed: 1 }],
  ['taken', 1, { live: 0, freed: 1 }],
  ['given', 2, { live: 2, freed: 0 }],
  ['left', 3, { live: 1, freed: 0 }],
])('_Inout_: what is there is %s', (_, outcome, expected) => {
  const { make, Owned } = declareThings();
  const swap = library.func(`int thing_swap(_Inout_ ${Owned} *inout, int outcome)`, {
    takes: (code) => code <= 1,
    gives: (code) => code === 0 || code === 2,
  });
  const thing = make(10);
  const box = [thing];
  swap(box, outcome);
  expect(thing.disposed).toBe(outcome <= 1);
  if (outcome === 1) expect(box).toEqual([null]);
  else expect(box[0]).toBeInstanceOf(TrackedPointer);
  expect(box[0] === thing).toBe(outcome === 3);
  expect(counters()).toMatchObject(expected);
  for (const each of new Set([thing, box[0]])) each?.dispose();
  expect(counters().live).toBe(0);
});

test('the destructor by hand, where it may refuse', () => {
  const { make, Owned, library: other } = declareThings({ free: things.symbol('thing_take') });
  const take = other.func(`int thing_take(${Owned} thing, int outcome)`, { takes: ok });
  const thing = make(10);
  take(thing, 1);
  expect(thing.disposed).toBe(false);
  take(thing, 0);
  expect(thing.disposed).toBe(true);
  expect(counters()).toMatchObject({ freed: 1 });
});

describe('refused at the declaration', () => {
  const { T, Owned } = ownedThing();
  const Text = unique('Text');
  koffi.owned(Text, 'char *', { free: 'thing_free' });

  test.each([
    ['gives, of a function that gives nothing', `int thing_value(${T} *thing)`, { gives: ok }],
    ['gives, of a plain pointer', `${T} *thing_new(size_t bytes)`, { gives: ok }],
    ['gives, of a string', `${Text} thing_text(size_t length)`, { gives: ok }],
    ['gives, of an argument that C takes', `int thing_take(${Owned} thing, int outcome)`, { gives: ok }],
    ['takes, of a function that takes nothing', `int thing_take(${T} *thing, int outcome)`, { takes: ok }],
    ['takes, of what C gives', `int thing_make(_Out_ ${Owned} *out, size_t bytes)`, { takes: ok }],
  ])('%s', (_, prototype, options) => {
    const error = expectRefusal(() => library.func(prototype, options), TypeError, 'ERR_TALLY_UNSUPPORTED');
    expect(error.message).toContain('has no effect');
  });

  test.each([[null], [true], [0], ['rc']])('%p is no function', (value) => {
    for (const options of [{ gives: value }, { takes: value }]) {
      const prototype = `${Owned} thing_grow(${Owned} thing, size_t bytes)`;
      expectRefusal(() => library.func(prototype, options), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
    }
  });
});
