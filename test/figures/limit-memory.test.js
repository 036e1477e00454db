'use strict';

const { configure, limitMemory, reportExternal, stats, track } = require('../../lib');
const { expectBalance } = require('../support/balance.js');
const things = require('../support/things.js');
const { FREE } = things;

beforeEach(things.reset);
afterEach(expectBalance);

const make = (bytes) => track(things.make(bytes), { size: bytes, free: FREE, label: 'thing' });

/** As many things of 1000 bytes at a time, within 10,000. */
const within = (count, more = () => {}) =>
  limitMemory(10_000, () => {
    const kept = [];
    try {
      for (let i = 0; i < count; i++) kept.push(make(1000));
    } finally {
      for (const pointer of kept) pointer.dispose();
    }
    return more();
  });

test('to the byte, beside what was there', async () => {
  const before = make(5000);
  expect(await within(10, () => 'done')()).toBe('done');
  await expect(within(11)()).rejects.toMatchObject({
    code: 'ERR_TALLY_LIMIT',
    message: expect.stringContaining('all that is live has 15.0 KB'),
  });
  expect(things.counters().live).toBe(1); // the one that was refused is freed
  before.dispose();
});

// Without the native part it is found in a turn of the event loop.
(stats().backend === 'native' ? test : test.skip)('what is dead does not count', async () => {
  await limitMemory(10_000, () => {
    for (let i = 0; i < 100; i++) make(9000);
  })();
});

test('a test that swallows the error fails', async () => {
  const swallows = limitMemory(10_000, () => {
    try {
      make(10_001);
    } catch {
      // As a program that goes on.
    }
  });
  await expect(swallows()).rejects.toMatchObject({
    code: 'ERR_TALLY_LIMIT',
    message: expect.stringContaining('the test has 10.0 KB and the limit is 10 KB'),
  });
});

test('bytes without a pointer count in the end', async () => {
  await expect(limitMemory(10_000, () => reportExternal(20_000))()).rejects.toMatchObject({
    code: 'ERR_TALLY_LIMIT',
    message: expect.stringContaining('20.0 KB'),
  });
  reportExternal(-20_000);
});

test('what was dead when it began, or is when it ends, does not count', async () => {
  (() => {
    for (let i = 0; i < 10; i++) make(1000);
  })();
  await expect(within(11)()).rejects.toMatchObject({ code: 'ERR_TALLY_LIMIT' });
  await limitMemory(10_000, () => {
    make(9000);
    reportExternal(5000);
  })();
  reportExternal(-5000);
});

test('ends with the test, and whatever that configures', async () => {
  configure({ limit: 5_000_000 });
  await within(10, () => configure({ growth: 1 }))();
  expect(configure().limit).toBe(5_000_000);
  const more = make(4_000_000);
  expect(() => make(1_100_000)).toThrow(expect.objectContaining({ code: 'ERR_TALLY_LIMIT' }));
  more.dispose();
  configure({ limit: Infinity });
  make(6_000_000).dispose();
});

test('one at a time', async () => {
  await expect(within(1, within(1))()).rejects.toMatchObject({ code: 'ERR_TALLY_UNSUPPORTED' });
  await within(1)();
});

test('refuses what is wrong at once', () => {
  const code = (invalid) => expect.objectContaining({ code: `ERR_TALLY_INVALID_ARG_${invalid}` });
  expect(() => limitMemory(0, () => {})).toThrow(code('VALUE'));
  expect(() => limitMemory('8 KB', () => {})).toThrow(code('TYPE'));
  expect(() => limitMemory(1)).toThrow(code('TYPE'));
});
