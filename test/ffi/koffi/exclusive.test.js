'use strict';
// What is not to be freed while an asynchronous call uses what it needs: `exclusive`.

const { promisify } = require('node:util');
const { collect } = require('../../../lib');
const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { counting, declareThings, koffi, ownedThing, things, unique } = require('./setup.js');

const library = koffi.load(counting);
const { counters } = things;

beforeEach(things.reset);
afterEach(expectBalance);

function declare(options = { parent: 0, exclusive: true }) {
  const { T, make } = declareThings();
  const { Owned: Child } = ownedThing({ free: 'child_free', size: 10, ...options });
  const create = library.func(`${Child} child_new(${T} *parent, size_t bytes)`);
  const work = promisify(library.func(`int thing_sum_slow(${T} *thing, int ms)`).async);
  const wake = library.func('void wake_one()');
  return { T, Child, make, create, work, wake };
}

const forms = [
  ['of an owned type', () => declare()],
  ['found by a function', () => declare({ parent: (address, parent) => [parent], exclusive: true })],
  [
    'of one function',
    () => {
      const types = declare({});
      const options = { free: 'child_free', size: 10, keeps: 0, exclusive: true };
      return { ...types, create: library.func(`void *child_new(${types.T} *parent, size_t bytes)`, options) };
    },
  ],
];

test.each(forms)(
  '%s: disposed of, collected, or made meanwhile, it waits for the calls',
  async (_, types) => {
    const { create, make, work, wake } = types();
    const parent = make(10);
    const before = create(parent, 10);
    (() => create(parent, 10))();
    const calls = [work(parent, -1), work(parent, -1)];
    before.dispose();
    create(parent, 10).dispose();
    collect();
    expect([before.disposed, counters().freed]).toEqual([true, 0]);
    wake();
    await Promise.race(calls);
    collect();
    expect(counters().freed).toBe(0);
    wake();
    await Promise.all(calls);
    collect();
    expect(counters()).toMatchObject({ made: 4, freed: 3, orphans: 0 });
    create(parent, 10).dispose();
    expect(counters().freed).toBe(4);
    parent.dispose();
  },
);

test('the first one, made while the call goes on, waits, too', async () => {
  const { create, make, work, wake } = declare();
  const parent = make(10);
  const call = work(parent, -1);
  create(parent, 10).dispose();
  expect(counters().freed).toBe(0);
  wake();
  await call;
  expect(counters()).toMatchObject({ freed: 1, orphans: 0 });
  parent.dispose();
});

test('what needs it by way of another waits, too, made before or meanwhile; that other does not', async () => {
  const { T, make, work, wake, Child } = declare();
  const between = library.func(`void *child_new(${T} *parent, size_t bytes)`, {
    ...{ free: 'child_free', size: 10, parent: 0 },
  });
  const create = library.func(`${Child} child_new(void *parent, size_t bytes)`);
  const parent = make(10);
  const middle = between(parent, 10);
  const before = create(middle, 10);
  const call = work(parent, -1);
  before.dispose();
  create(middle, 10).dispose();
  between(parent, 10).dispose();
  expect(counters().freed).toBe(1);
  wake();
  await call;
  expect(counters()).toMatchObject({ freed: 3, orphans: 0 });
  middle.dispose();
  parent.dispose();
});

test('by hand, and in a struct', async () => {
  const { T, create, make, work, wake } = declare();
  const Pair = unique('Pair');
  koffi.struct(Pair, { first: `${T} *`, second: `${T} *`, ms: 'int' });
  const free = library.func('void child_free(void *child)');
  const values = promisify(library.func(`int pair_values(const ${Pair} *pair)`).async);
  const parent = make(10);
  const [one, two] = [create(parent, 10), create(parent, 10)];
  const call = work(parent, -1);
  free(one);
  expect([one.disposed, counters().freed]).toEqual([true, 0]);
  const other = values({ first: parent, second: parent, ms: 0 });
  two.dispose();
  wake();
  await Promise.all([call, other]);
  expect(counters()).toMatchObject({ freed: 2, orphans: 0 });
  parent.dispose();
});

test('without it, and beside other parents, nothing waits', async () => {
  const plain = declare({ parent: 0 });
  const exclusive = declare();
  const [parent, other] = [plain.make(10), exclusive.make(10)];
  const [child, apart] = [plain.create(parent, 10), exclusive.create(other, 10)];
  const call = plain.work(parent, -1);
  child.dispose();
  apart.dispose();
  expect(counters().freed).toBe(2);
  plain.wake();
  await call;
  for (const each of [parent, other]) each.dispose();
});

test('of what needs nothing, or is not freed, it is refused', () => {
  const { Owned, T } = ownedThing({ exclusive: true });
  const unsupported = [TypeError, 'ERR_TALLY_UNSUPPORTED'];
  expectRefusal(() => library.func(`${Owned} thing_new(size_t bytes)`), ...unsupported);
  expectRefusal(() => library.func(`${T} *thing_new(size_t bytes)`, { exclusive: true }), ...unsupported);
  expectRefusal(() => ownedThing({ exclusive: true, parent: 0, free: null }), ...unsupported);
  expectRefusal(() => ownedThing({ exclusive: 1 }), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
});
