'use strict';
// What pointers have in common is kept while somebody uses it. The figures of what is gone stay in the totals.

const { POINTER, collect, stats, track } = require('../../lib');
const binding = require('../../lib/binding');
const { kinds } = require('../../lib/books/kinds');
const { expectBalance } = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const inChildren = require('../support/in-children.js');
const things = require('../support/things.js');
const { FREE, FREE_WITH_CONTEXT, counters } = things;

const MANY = 10_000;
// Of each sort: those used lately, those before them, accounts that are idle.
const ENOUGH = 3 * 1024 + 200;

beforeEach(things.reset);
afterEach(expectBalance);

const make = (label, options) => track(things.make(10), { size: 10, free: FREE, label, ...options });
const kindsInBooks = () => binding.survey().pointers.length;
const accountOf = (label) => stats().accounts.find((account) => account.label === label);

/** Runs `use` for each of MANY numbers, which must leave nothing but the totals of as many pointers. */
function expectNoGrowth(use) {
  collect();
  const before = stats();
  const known = kindsInBooks();
  for (let i = 0; i < MANY; i++) use(i);
  collect();
  const after = stats();
  expect(kindsInBooks() - known).toBeLessThan(ENOUGH);
  expect(after.accounts.length).toBeLessThan(before.accounts.length + ENOUGH);
  for (const [name, more] of Object.entries({ tracked: 1, disposed: 1, failed: 0, chargedBytes: 10 })) {
    expect([name, after.totals[name] - before.totals[name]]).toEqual([name, more * MANY]);
  }
}

test('labels', () => expectNoGrowth((i) => make(`request ${i}`).dispose()));

(binding.canBind ? test : test.skip)('bound constants', () => {
  expectNoGrowth((i) =>
    make('bound', { free: { address: FREE_WITH_CONTEXT, args: [BigInt(i), POINTER] } }).dispose(),
  );
  expect(accountOf('bound')).toMatchObject({ tracked: MANY, disposed: MANY });
});

test('destructors in JavaScript, and pointers that share their memory', () => {
  const free = (address) => things.free(address);
  expectNoGrowth((i) => make(`script ${i}`, { free }).dispose());
  expectNoGrowth((i) => make(`shared ${i}`, { shared: true }).dispose());
});

test('labels of pointers that are alive are not forgotten, nor what frees these', () => {
  const kept = Array.from({ length: 3000 }, (_, i) =>
    make(`kept ${i}`, i % 2 === 0 ? {} : { free: things.free }),
  );
  for (let i = 0; i < MANY; i++) make(`passes ${i}`).dispose();
  const found = stats().accounts.filter(({ label }) => label.startsWith('kept '));
  expect(new Set(found.map(({ label, bytes, pointers }) => `${label} ${bytes} ${pointers}`))).toEqual(
    new Set(kept.map(({ label }) => `${label} 10 1`)),
  );
  const again = make('kept 7');
  expect(accountOf('kept 7')).toMatchObject({ bytes: 20, pointers: 2, tracked: 2 });
  for (const pointer of [...kept, again]) pointer.dispose();
  expect(counters()).toMatchObject({ live: 0, freed: 3001 + MANY });
  collect();
});

test('what was used lately can be looked at, what was not is in the totals alone, and begins anew', () => {
  make('long ago').dispose();
  expect(accountOf('long ago')).toMatchObject({ tracked: 1, disposed: 1, pointers: 0 });
  for (let i = 0; i < MANY; i++) make(`after ${i}`).dispose();
  expect(accountOf('long ago')).toBeUndefined();
  expect(accountOf(`after ${MANY - 1}`)).toMatchObject({ tracked: 1, disposed: 1 });
  make('long ago').dispose();
  expect(accountOf('long ago')).toMatchObject({ tracked: 1, disposed: 1 });
});

test('one that is used again and again stays itself', () => {
  const kind = kinds.of('steady', { form: 0, address: 0n, args: [], run: null, key: 'none' });
  for (let i = 0; i < MANY; i++) {
    make(`passes ${i}`).dispose();
    if (i % 500 === 0) kinds.of('steady', kind.destructor);
  }
  expect(kinds.of('steady', kind.destructor)).toBe(kind);
});

test('a label that is forgotten while one of its pointers is being tracked', () => {
  make('meanwhile').dispose(); // the next is found without a look at its options
  const options = {
    size: 10,
    free: FREE,
    label: 'meanwhile',
    get parent() {
      for (let i = 0; i < MANY; i++) make(`in between ${i}`).dispose();
      return undefined;
    },
  };
  const pointer = track(things.make(10), options);
  expect(accountOf('meanwhile')).toMatchObject({ bytes: 10, pointers: 1 });
  pointer.dispose();
  expect(counters()).toMatchObject({ live: 0, freed: MANY + 2 });
});

test('a label that is forgotten by the destructor of one of its pointers', () => {
  const free = (address) => {
    for (let i = 0; i < MANY; i++) make(`in between ${i}`).dispose();
    things.free(address);
  };
  const pointer = make('destroyed', { free });
  pointer.dispose();
  expect(counters()).toMatchObject({ live: 0, freed: MANY + 1 });
  expect(stats().totals.failed).toBe(0);
});

test('the label tracked last that is forgotten for others, which are not remembered', () => {
  make('last').dispose();
  for (let i = 0; i < MANY; i++) make(`shared ${i}`, { shared: true }).dispose();
  collect(); // what keeps libraries loaded is let go
  const pointer = make('last');
  expect(accountOf('last')).toMatchObject({ bytes: 10, pointers: 1 });
  pointer.dispose();
});

// In a process of its own, as Jest keeps things alive.
inChildren.test('a pointer that is traced has its place after its label was forgotten', async () => {
  const child = await runChild(`
    const { configure, stats, track } = require('./lib');
    const { gcUntil } = require('./test/support/gc-until.js');
    const things = require('./test/support/things.js');
    const make = (label) => track(things.make(10), { size: 10, free: things.FREE, label });
    (async () => {
      configure({ trace: 1 });
      const kept = Array.from({ length: 20 }, () => make('traced'));
      configure({ trace: 0 });
      for (let i = 0; i < ${MANY}; i++) make('passes ' + i).dispose();
      let rounds = 0;
      await gcUntil('five collections', () => ++rounds === 5);
      const [{ label, pointers, bytes }] = stats().traces;
      console.log(label, pointers, bytes, kept.length);
    })();
  `);
  expect(child).toMatchObject({ code: 0, signal: null, stdout: 'traced 20 200 20\n', stderr: '' });
});

// In a process of its own, where a stack costs a third of what it costs under Jest.
inChildren.test('places whose label was forgotten are forgotten', async () => {
  const child = await runChild(`
    const { configure, stats, track } = require('./lib');
    const binding = require('./lib/binding');
    const { gcUntil } = require('./test/support/gc-until.js');
    const things = require('./test/support/things.js');
    const make = (label) => track(things.make(10), { size: 10, free: things.FREE, label });
    const kindsInBooks = () => binding.survey().pointers.length;
    (async () => {
      configure({ trace: 1 });
      for (let i = 0; i < ${MANY}; i++) make('traced ' + i).dispose(); // as many as there may be
      for (let i = 0; i < ${ENOUGH}; i++) make('more ' + i).dispose();
      await gcUntil('there is room for another', () => {
        const kept = Array.from({ length: 100 }, (_, i) => make('traced again ' + i));
        const { length } = stats().traces;
        for (const pointer of kept) pointer.dispose();
        return length > 0;
      });
      const known = kindsInBooks();
      await gcUntil('their numbers are given again', () => {
        for (let i = 0; i < 100; i++) make('again ' + known + ' ' + i).dispose();
        return kindsInBooks() === known;
      });
      console.log(known > 0);
    })();
  `);
  expect(child).toMatchObject({ code: 0, signal: null, stdout: 'true\n', stderr: '' });
});
