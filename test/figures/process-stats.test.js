'use strict';

const { reportExternal, stats, track } = require('../../lib');
const { expectBalance } = require('../support/balance.js');
const inChildren = require('../support/in-children.js');
const things = require('../support/things.js');
const { FILLED, ended, fill } = require('../support/workers.js');

beforeEach(things.reset);
afterEach(expectBalance);

const ofProcess = () => stats({ scope: 'process' });
const sumOfEnds = ({ disposed, collected, released, tornDown }) => disposed + collected + released + tornDown;

test('has the shape that the typings promise', () => {
  expect(ofProcess()).toEqual({
    environments: expect.any(Number),
    bytes: 0,
    pointers: 0,
    manual: 0,
    outside: 0,
    dead: { bytes: 0, pointers: 0 },
    inTransit: { bytes: 0, pointers: 0 },
    totals: {
      tracked: expect.any(Number),
      disposed: expect.any(Number),
      collected: expect.any(Number),
      released: expect.any(Number),
      tornDown: expect.any(Number), // other files may have had workers in this process
      failed: expect.any(Number),
    },
    memory: { usage: expect.any(Number), limit: expect.any(Number) },
  });
});

test('counts each pointer once, with or without a slot, and says how it ended', () => {
  const before = ofProcess();
  const make = (bytes, parent) =>
    track(things.make(bytes), { size: bytes, free: things.FREE, label: 'process', parent });
  const parent = make(100);
  const child = make(100_000, parent);
  const small = make(10);
  reportExternal(1000);
  expect(ofProcess()).toMatchObject({ bytes: 100_110, pointers: 3, manual: 1000 });
  parent.dispose();
  expect(ofProcess()).toMatchObject({ pointers: 3, dead: { bytes: 100, pointers: 1 } });
  child.dispose();
  things.free(small.release());
  make(1).dispose();
  reportExternal(-1000);
  const { totals, ...now } = ofProcess();
  expect(now).toMatchObject({ bytes: 0, pointers: 0, manual: 0, dead: { bytes: 0, pointers: 0 } });
  expect(totals.tracked - before.totals.tracked).toBe(4);
  expect(totals.disposed - before.totals.disposed).toBe(3);
  expect(totals.released - before.totals.released).toBe(1);
});

test.each([
  [{ scope: 'thread' }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [{ scope: null }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [{ range: 'process' }, TypeError, 'ERR_TALLY_UNKNOWN_OPTION'],
  ['process', TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
])('refuses %p', (options, Class, code) => {
  expect(() => stats(options)).toThrow(expect.objectContaining({ code }));
  expect(() => stats(options)).toThrow(Class);
});

test(`scope 'environment' is the default`, () => {
  expect(stats({ scope: 'environment' })).toEqual(stats());
  expect(stats({ scope: undefined })).toEqual(stats({}));
});

inChildren.test(
  'adds up over 20 workers that end in every way, and remembers those that have ended',
  async () => {
    const WORKERS = 20;
    const FREED_BEFORE = 5; // of each
    const ends = [
      'return',
      'throw new Error("on purpose")',
      'Promise.reject(new Error("on purpose"))',
      'process.exit(7)',
      'for (;;);', // terminated
      'setInterval(() => {}, 1000)', // terminated
    ];
    const kinds = { count: WORKERS, kinds: ends.length, terminated: 2 };
    const found = await ended(
      `
    ${fill}
    for (let i = 0; i < ${FREED_BEFORE}; i++) make(30, things.FREE).dispose();
    const seen = stats({ scope: 'process' });
    const { bytes, pointers } = stats();
    parentPort.postMessage({ bytes, pointers, seen: seen.pointers });
    const end = new Function(${JSON.stringify(ends)}[workerData % ${ends.length}]);
    parentPort.once('message', () => end());
    `,
      `return require('./test/programs/workers/add-up.js')(start, ${JSON.stringify(kinds)})`,
      { live: 0, made: WORKERS * (FILLED + FREED_BEFORE) + 1, freed: WORKERS * (FILLED + FREED_BEFORE) + 1 },
    );
    const { alone, filled, full, least, after, end } = found.result;
    const sum = (name) => filled.reduce((total, each) => total + each[name], 0);
    expect(alone).toMatchObject({ environments: 1, bytes: 5, pointers: 1 });
    expect(full).toMatchObject({
      environments: WORKERS + 1,
      pointers: sum('pointers') + 1,
      bytes: sum('bytes') + 5,
    });
    // The referee counts what there is, whoever booked it.
    expect(full.pointers).toBe(full.referee.live);
    expect(full.bytes).toBe(full.referee.live_bytes);
    expect(Math.max(...filled.map(({ seen }) => seen))).toBeGreaterThan(FILLED); // of others too
    expect(least).toBe(full.totals.tracked);
    expect(after).toMatchObject({ environments: 1, bytes: 5, pointers: 1, dead: { bytes: 0, pointers: 0 } });
    // Each has disposed of ten itself, which were freed with it because their children kept them.
    expect(after.totals.tornDown).toBe(WORKERS * (FILLED - 10));
    expect(end.totals.tracked).toBe(found.made);
    expect(sumOfEnds(end.totals)).toBe(found.freed);
    expect(end.totals.failed).toBe(0);
  },
);
