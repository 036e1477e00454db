'use strict';

const { collect, configure, reportExternal, stats, track } = require('../../lib');
const { boundByBudget, expectBalance, withRoom } = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const inChildren = require('../support/in-children.js');
const { gc } = require('../support/gc-until.js');
const things = require('../support/things.js');
const { FREE, counters } = things;

beforeEach(things.reset);
afterEach(expectBalance);

const account = (label) => stats().accounts.find((entry) => entry.label === label);
const make = (bytes, label, options) =>
  track(things.make(bytes), { size: bytes, free: FREE, label, ...options });

test('has the shape that the typings promise, all figures numbers', () => {
  const shape = (value) => {
    if (Array.isArray(value)) return value.map(shape);
    if (typeof value === 'object') {
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shape(member)]));
    }
    return Number.isSafeInteger(value) ? 'count' : typeof value;
  };
  make(1, 'only').dispose();
  const { accounts, ...rest } = stats();
  expect(shape(rest)).toEqual({
    backend: 'string',
    bytes: 'count',
    pointers: 'count',
    manual: 'count',
    outside: 'count',
    peakBytes: 'count',
    reported: 'count',
    dead: { bytes: 'count', pointers: 'count' },
    totals: {
      tracked: 'count',
      disposed: 'count',
      collected: 'count',
      released: 'count',
      failed: 'count',
      chargedBytes: 'count',
      ...(rest.totals.givenToC === undefined ? {} : { givenToC: 'count' }),
    },
    collections: { minor: 'count', major: 'count', returnedByMinor: 'count', returnedByMajor: 'count' },
    traces: [],
    meters: [],
    gauges: [],
  });
  expect(shape(accounts[0])).toMatchObject({
    label: 'string',
    bytes: 'count',
    pointers: 'count',
    peakBytes: 'count',
    chargedBytes: 'count',
    tracked: 'count',
    disposed: 'count',
    collected: 'count',
    released: 'count',
    failed: 'count',
    oldestSeconds: 'undefined',
  });
});

test('is a snapshot: it does not change, and changing it changes nothing', () => {
  const before = stats();
  const pointer = make(100, 'snapshot');
  expect(before.pointers).toBe(0);
  const after = stats();
  after.bytes = 5;
  after.accounts.length = 0;
  expect(stats()).toMatchObject({ bytes: 100, pointers: 1 });
  expect(account('snapshot').bytes).toBe(100);
  pointer.dispose();
});

test('bytes and pointers, in all and by account', () => {
  const a = [make(10, 'a'), make(20, 'a'), make(2 ** 20, 'a')];
  const b = make(5, 'b');
  expect(stats()).toMatchObject({ bytes: 2 ** 20 + 35, pointers: 4 });
  expect(account('a')).toMatchObject({ bytes: 2 ** 20 + 30, pointers: 3 });
  expect(account('b')).toMatchObject({ bytes: 5, pointers: 1 });
  for (const pointer of a) pointer.dispose();
  expect(stats()).toMatchObject({ bytes: 5, pointers: 1 });
  expect(account('a')).toMatchObject({ bytes: 0, pointers: 0, tracked: 3, disposed: 3 });
  b.dispose();
});

test('one account for one label, whatever the destructor', () => {
  const pointers = [
    make(1, 'same'),
    make(2, 'same', { free: (address) => things.free(address) }),
    track(1n, { size: 4, label: 'same', free: null }),
  ];
  expect(stats().accounts.filter(({ label }) => label === 'same')).toHaveLength(1);
  expect(account('same')).toMatchObject({ bytes: 7, pointers: 3 });
  for (const pointer of pointers) pointer.dispose();
});

test.each(['constructor', '__proto__', 'toString', 'ünï cödé 🦊', 'a'.repeat(10_000), '\0', '%s'])(
  'an account named %p',
  (label) => {
    const pointer = make(3, label);
    expect(account(label)).toMatchObject({ label, bytes: 3 });
    pointer.dispose();
  },
);

test('the account that carries most comes first', () => {
  const pointers = [make(10, 'first used'), make(1000, 'largest'), make(100, 'between')];
  const order = ['largest', 'between', 'first used'];
  const shown = () => stats().accounts.map(({ label }) => label);
  expect(shown().slice(0, 3)).toEqual(order);
  pointers[0].resize(5000);
  expect(shown()[0]).toBe('first used');
  for (const pointer of pointers) pointer.dispose();
  expect(shown()[0]).not.toBe('largest'); // for equals, the one that once carried most
});

test('the age of the oldest pointer of an account, where it is asked for', async () => {
  const age = (label) => stats({ ages: true }).accounts.find((entry) => entry.label === label).oldestSeconds;
  const old = [make(10, 'small ages'), make(2 ** 20, 'large ages')];
  const start = age('small ages');
  while (age('small ages') === start) await new Promise((resolve) => setTimeout(resolve, 20));
  const young = make(10, 'small ages');
  expect(age('small ages')).toBeGreaterThan(start);
  expect(age('large ages')).toBeGreaterThanOrEqual(1);
  old[0].dispose();
  expect(age('small ages')).toBeLessThan(age('large ages'));
  expect(account('small ages').oldestSeconds).toBe(undefined);
  for (const pointer of [old[1], young]) pointer.dispose();
  expect(age('small ages')).toBe(undefined);
});

test('options that make no sense', () => {
  expect(() => stats({ age: true })).toThrow(expect.objectContaining({ code: 'ERR_TALLY_UNKNOWN_OPTION' }));
  expect(() => stats({ ages: 1 })).toThrow(expect.objectContaining({ code: 'ERR_TALLY_INVALID_ARG_TYPE' }));
});

test('the reasons add up', () => {
  const before = stats().totals;
  make(10, 'reasons').dispose();
  make(2 ** 20, 'reasons').dispose();
  const released = [make(10, 'reasons'), make(2 ** 20, 'reasons')].map((pointer) => pointer.release());
  (() => {
    for (let i = 0; i < 5; i++) make(10, 'reasons');
  })();
  collect();
  expect(account('reasons')).toMatchObject({
    tracked: 9,
    disposed: 2,
    released: 2,
    collected: 5,
    failed: 0,
    pointers: 0,
    bytes: 0,
    chargedBytes: 2 * (10 + 2 ** 20) + 50,
  });
  const { totals } = stats();
  expect(totals.tracked - before.tracked).toBe(9);
  expect(totals.chargedBytes - before.chargedBytes).toBe(2 * (10 + 2 ** 20) + 50);
  for (const address of released) things.free(address);
});

test('the peak of an account, and of all with what was charged by hand', () => {
  const pointer = make(1000, 'peak');
  stats();
  pointer.resize(5000);
  pointer.resize(10);
  expect(account('peak')).toMatchObject({ bytes: 10, peakBytes: 5000, chargedBytes: 5000 });
  pointer.dispose();

  const { peakBytes } = stats();
  const most = track(1n, { size: peakBytes, free: null });
  reportExternal(7);
  expect(stats().peakBytes).toBe(peakBytes + 7);
  reportExternal(-7);
  most.dispose();
  expect(stats().peakBytes).toBe(peakBytes + 7);
});

test('what is dead but not yet freed', () => {
  const parent = make(100, 'dead');
  const child = make(10, 'dead', { parent });
  parent.dispose();
  expect(stats()).toMatchObject({ bytes: 110, pointers: 2, dead: { bytes: 100, pointers: 1 } });
  child.dispose();
  expect(stats()).toMatchObject({ bytes: 0, pointers: 0, dead: { bytes: 0, pointers: 0 } });
});

test.each([
  ['', () => {}],
  [", not what one of V8's own had left", () => gc()],
])('collections are counted by type, with what they returned%s', (_, other) => {
  other();
  withRoom();
  const before = stats().collections;
  (() => make(1000, 'returned'))();
  collect();
  const after = stats().collections;
  expect(after.major - before.major).toBe(1);
  expect(after.minor).toBe(before.minor);
  expect(after.returnedByMajor - before.returnedByMajor).toBe(1000);
  collect({ type: 'minor' });
  expect(stats().collections.minor - after.minor).toBe(1);
});

test.each([
  [
    'disposed of',
    (made) => {
      const pointers = Array.from({ length: 9 }, () => made(100_000));
      stats();
      for (const pointer of pointers) pointer.dispose();
    },
  ],
  [
    'resized',
    (made, old) => {
      boundByBudget();
      made(10);
      stats();
      old.resize(60e6); // for which a collection is asked
    },
  ],
  [
    'charged by hand',
    (made) => {
      boundByBudget();
      made(10);
      stats();
      reportExternal(60e6); // for which a collection is asked
      reportExternal(-60e6);
    },
  ],
])('what was %s after a collection of V8 was not returned by the next', (_, change) => {
  const pointers = [];
  const made = (size) => pointers[pointers.push(make(size, 'kept')) - 1];
  const old = made(10);
  collect();
  const before = stats().collections;
  gc();
  change(made, old);
  expect(collect({ type: 'minor' })).toEqual({ bytes: 0, pointers: 0 });
  const after = stats().collections;
  expect(after.minor).toBeGreaterThan(before.minor);
  expect(after.returnedByMinor - before.returnedByMinor).toBe(0);
  expect(after.returnedByMajor - before.returnedByMajor).toBe(0);
  for (const pointer of pointers) pointer.dispose();
});

test('collections that the pacer asks for are counted too', () => {
  const { budget } = configure();
  configure({ budget: 2 ** 20 });
  boundByBudget();
  const before = stats().collections;
  (() => {
    for (let i = 0; i < 200; i++) make(2 ** 17, 'pressure');
  })();
  const { minor, major, returnedByMinor, returnedByMajor } = stats().collections;
  expect(minor + major).toBeGreaterThan(before.minor + before.major);
  expect(returnedByMinor + returnedByMajor).toBeGreaterThan(before.returnedByMinor + before.returnedByMajor);
  expect(counters().freed).toBeGreaterThan(0);
  configure({ budget });
});

test('reported is never more than there is', () => {
  const pointers = [];
  for (let i = 0; i < 64; i++) {
    pointers.push(track(1n, { size: 2 ** 20, free: null }));
    const { bytes, manual, reported } = stats();
    expect(reported).toBeLessThanOrEqual(bytes + manual);
  }
  for (const pointer of pointers) {
    pointer.dispose();
    const { bytes, manual, reported } = stats();
    expect(reported).toBeLessThanOrEqual(bytes + manual);
  }
});

inChildren.test('between two slices with slow destructors, no more is reported than there is', async () => {
  const child = await runChild(
    `
    const { stats, track } = require('./lib');
    const free = () => {
      for (const end = performance.now() + 2; performance.now() < end; );
    };
    (() => { for (let i = 1n; i <= 30n; i++) track(i, { size: 2e5, free }); })();
    const found = [];
    gc();
    const look = () => {
      const { reported, bytes, pointers } = stats();
      found.push({ over: reported > bytes, pointers });
      if (pointers > 0) setImmediate(look);
      else console.log(JSON.stringify({ over: found.filter(({ over }) => over).length, slices: new Set(found.map(({ pointers }) => pointers)).size }));
    };
    setImmediate(look);
    `,
    { execArgv: ['--expose-gc'] },
  );
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  const { over, slices } = JSON.parse(child.stdout);
  expect(over).toBe(0);
  expect(slices).toBeGreaterThan(5);
});

test('a program that has setters on Object.prototype changes no figure', () => {
  const all = () => {
    const { memory, ...books } = stats({ scope: 'process' });
    return [stats(), books, memory.limit]; // what the kernel counts changes at any time
  };
  const pointer = make(10, 'setters');
  const before = all();
  const names = new Set();
  JSON.stringify(before, (name, value) => (names.add(name), value));
  for (const name of [...names, 'buffer', 'deadBytes', 'label', 'compared']) {
    if (name in {} || /^\d*$/.test(name)) continue; // elements of arrays are everybody's
    Object.defineProperty(Object.prototype, name, { set() {}, configurable: true });
  }
  let after;
  try {
    after = JSON.stringify(all());
  } finally {
    for (const name of Object.keys(Object.getOwnPropertyDescriptors(Object.prototype))) {
      if (Object.getOwnPropertyDescriptor(Object.prototype, name).set && name !== '__proto__')
        delete Object.prototype[name];
    }
  }
  expect(after).toBe(JSON.stringify(before));
  pointer.dispose();
});
