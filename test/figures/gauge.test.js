'use strict';

const { channel } = require('node:diagnostics_channel');
const { collect, configure, gauge, stats, track } = require('../../lib');
const { boundByBudget, errorOf, expectRefusal } = require('../support/balance.js');
const { koffi, ...things } = require('../support/things.js');

const open = [];
const opened = (...args) => {
  open.push(gauge(...args));
  return open.at(-1);
};
afterEach(() => {
  for (const each of open.splice(0)) each.close();
  collect();
  expect(stats()).toMatchObject({ bytes: 0, outside: 0, reported: 0, gauges: [] });
});

test('a JavaScript function: its figure is charged by the difference', () => {
  let used = 1000;
  const cache = opened('cache', () => used);
  expect(cache.label).toBe('cache');
  expect(cache.bytes).toBe(1000);
  expect(stats().outside).toBe(1000);
  used = 5000n;
  expect(stats()).toMatchObject({
    outside: 5000,
    gauges: [{ label: 'cache', bytes: 5000, peakBytes: 5000, failed: 0 }],
  });
  used = 0;
  expect(stats()).toMatchObject({
    outside: 0,
    gauges: [{ label: 'cache', bytes: 0, peakBytes: 5000, failed: 0 }],
  });
});

test('a C function, whose library stays', () => {
  opened('things', things.symbol('live_bytes'));
  const before = stats().outside;
  expect(before).toBe(Number(things.library.func('int64_t live_bytes()')()));
  const thing = things.makeRaw(12_345);
  expect(stats().outside).toBe(before + 12_345);
  things.free(thing);
  expect(stats().outside).toBe(before);
});

test('it is looked at when memory is reclaimed, V8 hears of it, and the limit counts it', () => {
  let used = 0;
  opened('gpu', () => used);
  used = 200 * 2 ** 20;
  collect();
  expect(stats().reported).toBeGreaterThan(0);
  configure({ limit: used });
  const refusal = () => track(1n, { size: 2 ** 20, free: null });
  expect(errorOf(refusal).code).toBe('ERR_TALLY_LIMIT');
  used = 0;
  refusal().dispose();
  configure({ limit: Infinity });
});

test('what it counts is reclaimed in a synchronous loop', () => {
  boundByBudget();
  things.reset();
  opened('things', things.symbol('live_bytes'));
  (() => {
    for (let i = 0; i < 4000; i++) track(things.make(100_000), { size: 0, free: things.FREE });
  })();
  expect(things.counters().peak_bytes).toBeLessThan(128 * 2 ** 20);
  collect();
  expect(things.counters()).toMatchObject({ made: 4000, freed: 4000 });
});

test.each([
  [
    'throws',
    () => {
      throw new Error('on purpose');
    },
  ],
  ['returns no size', () => -1],
  ['returns nothing', () => undefined],
  ['returns too much', () => 2n ** 60n],
])('one that %s: the last figure stands, the others are read, and it is told once', async (_, fail) => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const errors = [];
  const listen = (message) => errors.push(message);
  channel('ffi-tally:gauge-error').subscribe(listen);
  let read = () => 700;
  const label = `failing ${open.length} ${_}`;
  opened(label, () => read());
  opened('good', () => 30);
  read = fail;
  expect(stats().outside).toBe(730);
  expect(stats().gauges).toMatchObject([
    { bytes: 700, failed: 2 },
    { bytes: 30, failed: 0 },
  ]);
  await null;
  expect(errors).toHaveLength(2);
  expect(errors[0]).toMatchObject({ label, error: expect.any(Error) });
  expect(warn.mock.calls).toMatchObject([[expect.stringContaining(label), { code: 'FFI_TALLY_GAUGE' }]]);
  channel('ffi-tally:gauge-error').unsubscribe(listen);
  warn.mockRestore();
});

test('closed, once or twice, it is charged no more', () => {
  const one = opened('one', () => 10);
  const two = opened('two', () => 5);
  one.close();
  one.close();
  expect(stats()).toMatchObject({ outside: 5, gauges: [{ label: 'two' }] });
  expect(one.bytes).toBe(0);
  if (Symbol.dispose !== undefined) two[Symbol.dispose]();
  else two.close();
  expect(stats().outside).toBe(0);
});

test('what a library itself says', () => {
  let sqlite;
  try {
    sqlite = koffi.load(process.platform === 'darwin' ? 'libsqlite3.dylib' : 'libsqlite3.so.0');
  } catch {
    process.emitWarning('libsqlite3 is not installed: its gauge is not tested');
    return;
  }
  const used = sqlite.func('int64_t sqlite3_memory_used()');
  opened(
    'sqlite',
    koffi.type === undefined
      ? sqlite.symbol('sqlite3_memory_used', 'void *')
      : sqlite.symbol('sqlite3_memory_used'),
  );
  const out = [null];
  sqlite.func('int sqlite3_open(const char *file, _Out_ void **db)')(':memory:', out);
  expect(Number(used())).toBeGreaterThan(1000);
  expect(stats().outside).toBe(Number(used()));
  sqlite.func('int sqlite3_close(void *db)')(out[0]);
  expect(stats().outside).toBe(Number(used()));
});

test('one that uses the library itself', () => {
  opened('curious', () => {
    const { bytes } = stats();
    track(1n, { size: 100, free: null }).dispose();
    return bytes;
  });
  const pointer = track(1n, { size: 4000, free: null });
  expect(stats().outside).toBe(4000);
  pointer.dispose();
});

test('more than can be counted is cut off', () => {
  opened('all', () => Number.MAX_SAFE_INTEGER);
  opened('and more', () => Number.MAX_SAFE_INTEGER);
  expect(stats().outside).toBe(Number.MAX_SAFE_INTEGER);
});

test('bad arguments', () => {
  expectRefusal(() => gauge('', () => 0), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
  expectRefusal(() => gauge('a', 'b'), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
  expectRefusal(() => gauge('a', null), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
  expectRefusal(() => gauge('a', 0n), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
});
