'use strict';

const { collect, configure, stats, track } = require('../../lib');
const { errorOf, expectBalance, expectRefusal } = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const inChildren = require('../support/in-children.js');
const things = require('../support/things.js');
const { FREE, counters } = things;

const MIB = 2 ** 20;
const defaults = configure();

beforeEach(things.reset);
afterEach(() => {
  configure(defaults);
  return expectBalance();
});

test('returns the settings in force', () => {
  expect(configure()).toMatchObject({ budget: 64 * MIB, growth: 1, atExit: 'skip' });
  expect(configure({})).toEqual(defaults);
  expect(configure({ budget: MIB })).toEqual({ ...defaults, budget: MIB });
  expect(configure({ growth: 0.5, atExit: 'free' })).toEqual({
    ...defaults,
    budget: MIB,
    growth: 0.5,
    atExit: 'free',
  });
  expect(configure({ budget: 2n * BigInt(MIB) }).budget).toBe(2 * MIB);
});

inChildren.test.each([1, 2, 3, 4])('a budget of %i bytes', async (budget) => {
  // In a child: asking for collections without an end could not be stopped here.
  const child = await runChild(`
    const { configure, stats, track } = require('./lib');
    configure({ budget: ${budget} });
    for (let i = 1n; i < 500n; i++) track(i, { size: 100_000, free: null });
    console.log(stats().pointers < 499);
  `);
  expect(child).toEqual({ code: 0, signal: null, stdout: 'true\n', stderr: '' });
});

test('what is returned is a copy', () => {
  configure().budget = 1;
  expect(configure()).toEqual(defaults);
});

test.each([
  [null, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
  [12, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
  [{ buget: 1 }, TypeError, 'ERR_TALLY_UNKNOWN_OPTION'],
  [{ budget: 0 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [{ budget: -1 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [{ budget: 0.5 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [{ budget: NaN }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [{ budget: '64' }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
  [{ growth: '1' }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
  [{ growth: 1n }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
  [{ growth: 0 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [{ growth: -1 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [{ growth: NaN }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [{ growth: 101 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [{ growth: Infinity }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [{ atExit: 'never' }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [{ atExit: true }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
])('%p is refused, and nothing changes', (options, Class, code) => {
  // Next to a valid one: that must not be taken alone.
  const given = typeof options === 'object' && options !== null ? { atExit: 'free', ...options } : options;
  const error = errorOf(() => configure(given));
  expect(error.code).toBe(code);
  expect(error).toBeInstanceOf(Class);
  expect(configure()).toEqual(defaults);
});

test('undefined leaves a setting as it is', () => {
  configure({ budget: MIB });
  expect(configure({ budget: undefined, growth: undefined, atExit: undefined })).toEqual({
    ...defaults,
    budget: MIB,
  });
});

test('the largest settings that there are do no harm', () => {
  configure({ budget: Number.MAX_SAFE_INTEGER, growth: 100 });
  const before = stats().collections;
  const pointers = Array.from({ length: 100 }, (_, i) => track(1n, { size: i * MIB, free: null }));
  expect(stats().collections).toEqual(before);
  for (const pointer of pointers) pointer.dispose();
});

// How many bytes of 128 MiB of dropped things were alive at once, in things of 256 KiB.
function peakWith(settings) {
  collect();
  configure(settings);
  things.reset();
  (() => {
    for (let i = 0; i < 512; i++) track(things.make(MIB / 4), { size: MIB / 4, free: FREE });
  })();
  return counters().peak_bytes;
}

test('a small budget holds memory down, a large one lets it be', () => {
  expect(peakWith({ budget: MIB, growth: 0.01 })).toBeLessThanOrEqual(16 * MIB);
  // V8 may collect by itself.
  expect(peakWith({ budget: 1024 * MIB })).toBeGreaterThan(64 * MIB);
});

inChildren.describe('in a worker', () => {
  const inWorker = (code) => `
    const { Worker } = require('node:worker_threads');
    new Worker(${JSON.stringify(code)}, { eval: true }).on('message', console.log);
  `;

  test('atExit is free, and cannot be skip: the process goes on', async () => {
    const child = await runChild(
      inWorker(`
        const { parentPort } = require('node:worker_threads');
        const { configure } = require('./lib');
        parentPort.postMessage(configure().atExit);
        try { configure({ atExit: 'skip' }); } catch (error) { parentPort.postMessage(error.code); }
        parentPort.postMessage(configure({ atExit: 'free' }).atExit);
      `),
    );
    expect(child).toEqual({
      code: 0,
      signal: null,
      stdout: 'free\nERR_TALLY_INVALID_ARG_VALUE\nfree\n',
      stderr: '',
    });
  });

  test('settings are those of the worker alone', async () => {
    const child = await runChild(`
      const { configure } = require('./lib');
      const { Worker } = require('node:worker_threads');
      new Worker("require('./lib').configure({ budget: 5 })", { eval: true })
        .on('exit', () => console.log(configure().budget));
    `);
    expect(child).toMatchObject({ code: 0, signal: null, stdout: `${64 * MIB}\n` });
  });
});

test('the limit on the process is beside that on what is tracked here', () => {
  const before = stats({ scope: 'process' }).memory;
  expect(before.usage).toBeGreaterThan(0);
  expect(configure({ limit: 1e12, scope: 'process' })).toMatchObject({ limit: 1e12, scope: 'process' });
  expect(stats({ scope: 'process' }).memory.limit).toBe(1e12);
  expect(configure({ limit: 1e9 })).toMatchObject({ limit: 1e9, scope: 'environment' });
  expect(stats({ scope: 'process' }).memory.limit).toBe(1e12);
  configure({ limit: Infinity });
  configure({ limit: before.limit, scope: 'process' });
  configure({ limit: Infinity, scope: 'environment' });
  expect(stats({ scope: 'process' }).memory.limit).toBe(before.limit);
});

test('a scope that is unknown, or without a limit', () => {
  expectRefusal(() => configure({ limit: 1, scope: 'thread' }), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
  expectRefusal(() => configure({ scope: 'process' }), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
});
