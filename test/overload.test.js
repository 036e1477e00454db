/** @jest-environment ./test/support/once.js */
'use strict';
// More than there is room or time for: memory that is refused, sizes beyond counting, many pointers, destructors that take
// long, an event loop that gets no turn.

const build = require('./support/build.js');
const { runChild } = require('./support/child.js');
const { faultless } = require('./support/things.js');
const { times } = require('./support/whole.js');

/** Runs a program of test/programs/overload/ in a Node of its own, which prints what it found. */
async function found(name, { execArgv = [], ...options } = {}) {
  const child = await runChild(`test/programs/overload/${name}.js`, {
    ...options,
    execArgv: ['--expose-gc', ...execArgv],
  });
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  return JSON.parse(child.stdout);
}

const { scarce } = build();
const onLinux = scarce === undefined ? describe.skip : describe;

onLinux('when the ledger, the collector and the nursery get no memory', () => {
  test.each([
    ['once', 'alone', times(8, 1)],
    ['from then on', 'all', times(12, 3)],
  ])(
    '%s: a coded error, the pointer freed, the balance exact, at every allocation',
    async (_, which, step) => {
      const { points, rounds } = await found('refused', {
        args: [which, String(step)],
        env: { LD_PRELOAD: scarce },
        timeout: 400_000,
      });
      // Nearly each of them is one that a pointer needs; the others are tried again later.
      expect(points * step).toBeGreaterThan(60);
      expect(rounds).toBeGreaterThan(points * 0.8);
    },
    410_000,
  );

  test('handing over and taking over, with each allocation refused: the pointer stays where it was', async () => {
    const result = await found('refused-hand-over', { env: { LD_PRELOAD: scarce } });
    expect(result).toMatchObject({
      codes: ['ERR_TALLY_OUT_OF_MEMORY'],
      changed: 0,
      unchecked: 0,
      same: true,
    });
    expect(result).toMatchObject({ live: 0, freed: 1, left: 0 });
    expect(result.handOver).toBeGreaterThanOrEqual(3); // its place, its label, its destructor
    expect(result.takeOver).toBeGreaterThanOrEqual(1);
    expect(result.wentOn).toBeLessThanOrEqual(1);
  });
});

describe('destructors that take long, in a queue of thousands', () => {
  const SLOW = 500;
  const FAST = 2912;

  test('one for each turn of the event loop; among fast ones 4 at most', async () => {
    const { freed, ...counts } = await found('slow-destructors', { args: [String(FAST), String(SLOW)] });
    expect(counts).toMatchObject({ ...faultless, made: FAST + SLOW, live: 0 });
    // How long they take is seen where one of them has run: after fast ones the clock is looked at for every 4th.
    expect(Math.max(...freed.map(([, slow]) => slow))).toBeLessThanOrEqual(4);
    const severalAtOnce = freed.filter(
      ([fast, slow], i) => slow > 1 && fast === 0 && !(freed[i - 1]?.[0] > 0),
    );
    expect(severalAtOnce).toEqual([]);
  });
});

test('an event loop that gets no turn: memory stays bounded, and all is freed afterwards', async () => {
  const { peak, live } = await found('no-turn');
  expect(live).toBe(0);
  expect(peak).toBeLessThan(200e6);
});

// 10 million need 6 GB and minutes: FFI_TALLY_TEST_POINTERS=10000000.
const POINTERS = Number(process.env.FFI_TALLY_TEST_POINTERS ?? 100_000);

test(`many pointers at a time: ${POINTERS}`, async () => {
  const { steps, rss, ...counts } = await found('many', {
    args: [String(POINTERS)],
    execArgv: ['--max-old-space-size=8000'],
    timeout: 1_200_000,
  });
  const expected = [POINTERS, POINTERS / 2, POINTERS / 4, 0];
  expect(steps).toEqual(expected.map((count) => [count, 16 * count, count]));
  expect(counts).toMatchObject({ ...faultless, made: POINTERS, freed: POINTERS });
  // Of the process without them about 60 MB; of each the object, its weak reference, its slot and C's own.
  expect(rss).toBeLessThan(100e6 + 600 * POINTERS);
}, 1_200_000);
