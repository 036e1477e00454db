'use strict';
// What is made in a scope ends with it.

const { collect, scope, stats, track } = require('../../lib');
const { errorOf, expectBalance, expectRefusal } = require('../support/balance.js');
const { freedIds } = require('../support/counting.js');
const things = require('../support/things.js');

const { FREE, counters, id } = things;
const make = (more) => track(things.make(10), { size: 10, free: FREE, ...more });
const dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose');

beforeEach(things.reset);
afterEach(expectBalance);

test('all end, the last first', () => {
  const all = scope();
  const made = [make(), make(), make()];
  const ids = made.map(({ address }) => Number(id(address)));
  all.dispose();
  expect(made.every(({ disposed }) => disposed)).toBe(true);
  expect(freedIds()).toEqual(ids.reverse());
  all.dispose();
  const after = make();
  expect(after.disposed).toBe(false);
  after.dispose();
});

test('what is kept does not, nor what was made before', () => {
  const before = make();
  const all = scope();
  const kept = all.keep(make());
  make();
  all[dispose]();
  expect([before.disposed, kept.disposed]).toEqual([false, false]);
  expect(counters().freed).toBe(1);
  before.dispose();
  kept.dispose();
  expectRefusal(() => all.keep(7n), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
});

test('a pointer that is kept still has its parent', () => {
  const all = scope();
  const parent = make();
  const child = all.keep(track(things.makeChild(parent.address, 10), { size: 10, free: FREE, parent }));
  all.dispose();
  expect([parent.disposed, counters().freed]).toEqual([true, 0]);
  child.dispose();
  expect(counters()).toMatchObject({ freed: 2, orphans: 0 });
});

test('of scopes in each other the innermost has it, in whatever order they end', () => {
  const outer = scope();
  const first = make();
  const inner = scope();
  const second = make();
  outer.dispose();
  const third = make();
  expect([first.disposed, second.disposed]).toEqual([true, false]);
  inner.dispose();
  expect([second.disposed, third.disposed]).toEqual([true, true]);
  const last = make();
  expect(last.disposed).toBe(false);
  last.dispose();
});

test('it ends for what other code makes when the synchronous code is over', async () => {
  const all = scope();
  const inside = make();
  await null;
  await null;
  const outside = make();
  all.dispose();
  expect([inside.disposed, outside.disposed]).toEqual([true, false]);
  outside.dispose();
});

test('a destructor that throws does not stop the others, and is thrown', () => {
  jest.spyOn(process, 'emitWarning').mockImplementationOnce(() => {});
  const lose = { address: things.symbol('thing_lose'), ok: 0 };
  const all = scope();
  for (const free of [FREE, lose, FREE]) make({ free });
  expect(errorOf(() => all.dispose()).code).toBe('ERR_TALLY_DESTRUCTOR');
  expect(counters()).toMatchObject({ made: 3, freed: 3 });
});

test('it does not remember those that have ended', () => {
  const all = scope();
  for (let i = 0; i < 10_000; i++) make().dispose();
  const kept = make();
  all.dispose();
  expect(kept.disposed).toBe(true);
});

test('one that nobody ends keeps nothing for ever', async () => {
  (() => {
    scope();
    make();
  })();
  await null;
  await null;
  collect();
  expect(stats().pointers).toBe(0);
});

const { DisposableStack } = globalThis;
(DisposableStack === undefined ? test.skip : test)('in a DisposableStack', () => {
  const stack = new DisposableStack();
  stack.use(scope());
  const inside = make();
  stack.dispose();
  expect(inside.disposed).toBe(true);
});
