'use strict';
// What C wants used and freed in the thread that has made it: `sameThread`.

const { handOver } = require('../../../lib');
const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { counting, declareThings, koffi, things, unique } = require('./setup.js');

const library = koffi.load(counting);
const { counters } = things;

beforeEach(things.reset);
afterEach(expectBalance);

const nobody = () => {
  throw new Error('was called');
};
const refused = (attempt) => expectRefusal(attempt, TypeError, 'ERR_TALLY_UNSUPPORTED');

function declare() {
  const { T, Owned, make } = declareThings({ sameThread: true });
  const Pair = unique('Pair');
  koffi.struct(Pair, { first: `${T} *`, second: `${T} *`, ms: 'int' });
  return { T, Owned, Pair, make };
}

test('no other thread makes it: as a result, of one function, stored by C', () => {
  const { Owned, make } = declare();
  refused(() => make.async(10, nobody));
  const free = { free: 'thing_free', size: 10, sameThread: true };
  refused(() => library.func('void *thing_new(size_t bytes)', free).async(10, nobody));
  refused(() => library.func(`int thing_make(_Out_ ${Owned} *out, size_t bytes)`).async([null], 10, nobody));
  expect(counters().made).toBe(0);
});

test.each([
  ['borrowed', (thing, { T }) => [`int64_t thing_id(${T} *thing)`, thing]],
  ['borrowed as void *', (thing) => ['int64_t thing_id(void *thing)', thing]],
  ['freed by hand', (thing) => ['void thing_free(void *thing)', thing]],
  ['taken', (thing, { Owned }) => [`void thing_free(${Owned} thing)`, thing]],
  ['replaced', (thing, { Owned }) => [`int thing_swap(_Inout_ ${Owned} *thing, int outcome)`, [thing], 0]],
  ['in an array', (thing, { T }) => [`int things_values(${T} **things, int count)`, [thing], 1]],
  ['in a struct', (first, { Pair }) => [`int pair_values(${Pair} *pair)`, { first, second: null, ms: 0 }]],
])('no other thread uses it: %s', (_, call) => {
  const types = declare();
  const thing = types.make(10);
  const [prototype, ...args] = call(thing, types);
  refused(() => library.func(prototype).async(...args, nobody));
  expect([thing.disposed, counters().freed]).toEqual([false, 0]);
  thing.dispose();
});

test('this thread does all that, and keeps it', () => {
  const { T, make } = declare();
  const thing = make(10);
  expect(Number(library.func(`int64_t thing_id(${T} *thing)`)(thing))).toBeGreaterThan(0);
  refused(() => handOver(thing));
  thing.dispose();
});

test('it is a boolean, of what is owned', () => {
  const wrong = () => koffi.owned(unique('Thing'), 'void *', { free: null, size: 1, sameThread: 1 });
  expectRefusal(wrong, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
  refused(() => library.func('void *thing_new(size_t bytes)', { sameThread: true }));
});
