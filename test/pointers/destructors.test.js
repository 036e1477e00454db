'use strict';
// Destructors of C that say whether they have freed, and those that take the address of a place.

const { subscribe, unsubscribe } = require('node:diagnostics_channel');
const { ADDRESS_OF, POINTER, collect, handOver, stats, takeOver, track } = require('../../lib');
const binding = require('../../lib/binding');
const { errorOf, expectBalance, expectRefusal } = require('../support/balance.js');
const { gcUntil } = require('../support/gc-until.js');
const things = require('../support/things.js');
const { ended } = require('../support/workers.js');
const { counters, make, symbol } = things;

// A build without libffi has none of them.
const describeBound = binding.canBind ? describe : describe.skip;

const refuse = things.library.func('void things_refuse(int result)');
const CLOSE = symbol('thing_close');
const LOSE = symbol('thing_lose');
let label = 0;
let heard;
let warn;

const told = (message) => heard.push(message);

beforeEach(() => {
  things.reset();
  label++;
  heard = [];
  subscribe('ffi-tally:destructor-error', told);
  warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
});
afterEach(async () => {
  unsubscribe('ffi-tally:destructor-error', told);
  warn.mockRestore();
  refuse(0);
  await expectBalance();
});

const closing = (options) =>
  track(make(10), { size: 10, label: `closing ${label}`, free: { address: CLOSE, ok: 0, ...options } });
const failed = () => stats().accounts.find((account) => account.label === `closing ${label}`).failed;

describeBound('ok', () => {
  test.each([
    ['alone', {}],
    ['with arguments', { args: [POINTER] }],
    ['with retry', { retry: true }],
  ])('%s: one that succeeds', (_, options) => {
    const pointer = closing(options);
    pointer.dispose();
    expect(pointer.disposed).toBe(true);
    (() => closing(options))();
    collect();
    expect(counters()).toMatchObject({ made: 2, freed: 2 });
    expect(failed()).toBe(0);
  });

  test('one that fails: dispose() throws, it is counted and announced, and the pointer has ended', async () => {
    const pointer = closing({ address: LOSE });
    const error = errorOf(() => pointer.dispose());
    expect(error).toMatchObject({ code: 'ERR_TALLY_DESTRUCTOR', result: -1 });
    expect(error.message).toContain(`closing ${label}`);
    expect([pointer.disposed, failed(), stats().pointers]).toEqual([true, 1, 0]);
    pointer.dispose();
    await null;
    expect(heard).toEqual([{ label: `closing ${label}`, error }]);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0][1]).toMatchObject({ code: 'FFI_TALLY_DESTRUCTOR' });
    expect(counters()).toMatchObject({ made: 1, freed: 1, double_frees: 0 });
  });

  test('retry: the pointer stays, and may be disposed of again', () => {
    const pointer = closing({ retry: true });
    refuse(5);
    for (let i = 1; i <= 3; i++) {
      expect(errorOf(() => pointer.dispose())).toMatchObject({ code: 'ERR_TALLY_DESTRUCTOR', result: 5 });
      expect([pointer.disposed, pointer.size, failed(), stats().bytes]).toEqual([false, 10, i, 10]);
    }
    refuse(0);
    pointer.dispose();
    expect([pointer.disposed, stats().bytes]).toEqual([true, 0]);
    expect(counters()).toMatchObject({ made: 1, freed: 1 });
  });

  test('retry: one that was collected is tried again after the next major collection', async () => {
    refuse(5);
    (() => closing({ retry: true }))();
    await gcUntil('it was refused', () => failed() > 0);
    expect(stats()).toMatchObject({ bytes: 10, pointers: 1, dead: { bytes: 10, pointers: 1 } });
    const before = failed();
    collect();
    expect(failed()).toBe(before + 1);
    expect(counters().freed).toBe(0);
    refuse(0);
    await gcUntil('it is freed', () => counters().freed === 1);
    expect(stats()).toMatchObject({ bytes: 0, pointers: 0 });
    expect(heard.map(({ error }) => error.result)).toEqual(Array(failed()).fill(5));
    expect(warn).toHaveBeenCalledTimes(1);
  });

  test('one that others need is freed after them, and a failure is announced only', async () => {
    const pointer = closing({ address: LOSE });
    const child = track(1n, { size: 0, free: null, label: 'child', parent: pointer });
    pointer.dispose();
    expect(counters().freed).toBe(0);
    child.dispose();
    expect([counters().freed, failed()]).toEqual([1, 1]);
    await null;
    expect(heard).toHaveLength(1);
  });

  test('true: of a function that returns bool the lowest byte counts', () => {
    const close = (ok) => closing({ address: symbol('thing_close_bool'), ok, retry: true });
    const pointer = close(true);
    refuse(5);
    expect(errorOf(() => pointer.dispose())).toMatchObject({ code: 'ERR_TALLY_DESTRUCTOR', result: 0 });
    expect([pointer.disposed, failed()]).toEqual([false, 1]);
    const moved = takeOver(handOver(pointer));
    expect(errorOf(() => moved.dispose())).toMatchObject({ code: 'ERR_TALLY_DESTRUCTOR', result: 0 });
    const other = close(false); // which it says now
    refuse(0);
    moved.dispose();
    expect(errorOf(() => other.dispose())).toMatchObject({ result: 1 });
    expect([moved.disposed, other.disposed]).toEqual([true, false]);
    other.release();
    expect(counters()).toMatchObject({ freed: 2 });
  });

  test('what it lets go of is freed, and the next as well', () => {
    const parent = track(make(10), { size: 10, label: 'parent', free: things.FREE });
    const options = { size: 10, parent, label: `closing ${label}`, free: { address: LOSE, ok: 0 } };
    const child = track(make(10), options);
    parent.dispose();
    expect(() => child.dispose()).toThrow();
    expect(counters()).toMatchObject({ made: 2, freed: 2 });
  });

  test('it goes to another thread with the pointer', () => {
    refuse(5);
    const pointer = takeOver(handOver(closing({ retry: true })));
    expect(errorOf(() => pointer.dispose())).toMatchObject({ code: 'ERR_TALLY_DESTRUCTOR', result: 5 });
    expect(pointer.disposed).toBe(false);
    refuse(0);
    pointer.dispose();
    expect(counters()).toMatchObject({ made: 1, freed: 1 });
  });

  test.each([
    ['a string', { ok: '0' }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['a fraction', { ok: 0.5 }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['null', { ok: null }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['33 bits', { ok: 2 ** 31 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['retry that is no boolean', { ok: 0, retry: 1 }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['retry without it', { args: [POINTER], retry: true }, TypeError, 'ERR_TALLY_UNSUPPORTED'],
    ['nothing to call it with', {}, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['another option', { args: [POINTER], OK: 0 }, TypeError, 'ERR_TALLY_UNKNOWN_OPTION'],
  ])('%s is refused', (_, options, Type, code) => {
    expectRefusal(() => track(1n, { size: 0, free: { address: CLOSE, ...options } }), Type, code);
  });
});

describeBound('when a worker ends', () => {
  test('all of them run, and what fails is counted', async () => {
    const found = await ended(
      `
      const { ADDRESS_OF, stats, track } = require('./lib');
      const { make, symbol } = require('./test/support/things.js');
      const frees = [
        { address: symbol('thing_freep'), args: [ADDRESS_OF] },
        { address: symbol('thing_close'), ok: 0, retry: true },
        { address: symbol('thing_lose'), ok: 0 },
      ];
      const kept = (globalThis.kept = []);
      const fill = () => kept.push(...frees.map((free) => track(make(10), { size: 10, free })));
      fill();
      stats(); // gives them slots
      fill();
      `,
      `await start().ended; return stats({ scope: 'process' }).totals.failed`,
      { made: 6, freed: 6, live: 0 },
    );
    expect(found.result).toBe(2);
  });
});

describeBound('ADDRESS_OF', () => {
  const free = { address: symbol('thing_freep'), args: [ADDRESS_OF] };

  test('by dispose() and by a collection', () => {
    track(make(10), { size: 10, free }).dispose();
    (() => track(make(10), { size: 10, free }))();
    collect();
    expect(counters()).toMatchObject({ made: 2, freed: 2, foreign_frees: 0 });
  });

  test('of a pointer that cannot be tracked', () => {
    const attempt = () => track(make(10), { size: -1, free });
    expectRefusal(attempt, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
    expect(counters()).toMatchObject({ made: 1, freed: 1, foreign_frees: 0 });
  });
});
