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

const MIB = 2 ** 20;

/** Pointers whose sizes nobody says, of a memory that a gauge knows: a GPU with 1024 times as much as is allocated. */
function gpu() {
  const read = things.library.func('int64_t live_bytes()');
  const vram = { peak: 0, used: () => Number(read()) * 1024 };
  vram.make = (bytes) => {
    const address = things.make(bytes / 1024);
    vram.peak = Math.max(vram.peak, vram.used());
    return track(address, { size: 0, label: 'tensor', free: things.FREE });
  };
  vram.churn = (count, bytes) => {
    for (let i = 0; i < count; i++) vram.make(bytes);
  };
  return vram;
}

test.each([
  ['the budget of all memory', undefined],
  ['a budget of its own', { budget: 64 * MIB }],
])('growth is acted on at the pointer that brings it, whatever its size: %s', (_, options) => {
  boundByBudget();
  const vram = gpu();
  opened('vram', vram.used, options);
  vram.churn(20, 100 * MIB);
  expect(vram.peak).toBeLessThanOrEqual(300 * MIB); // the interpreter may still hold the last one
  collect();
  vram.peak = 0;
  vram.churn(200, MIB);
  expect(vram.peak).toBeLessThanOrEqual(0.7 * 64 * MIB); // a minor collection at half of the budget
});

test('large ones after many small ones are noticed within a few', () => {
  boundByBudget();
  const vram = gpu();
  opened('vram', vram.used);
  vram.churn(5000, 64 * 1024);
  vram.churn(30, 100 * MIB);
  expect(vram.peak).toBeLessThanOrEqual(1200 * MIB);
});

test('its own limit: garbage makes room, onPressure is asked, the refusal names it, and others are not refused', () => {
  const vram = gpu();
  const told = [];
  opened('vram', vram.used, { limit: 10 * MIB });
  vram.churn(100, 3 * MIB);
  expect(vram.peak).toBeLessThanOrEqual(13 * MIB); // the new one exists before it is tracked
  expect(stats().outside).toBe(0);
  configure({ onPressure: (pressure) => told.push(pressure) });
  const kept = [];
  const error = errorOf(() => {
    for (;;) kept.push(vram.make(3 * MIB));
  });
  configure({ onPressure: null });
  expect(kept).toHaveLength(3);
  expect(vram.used()).toBe(9 * MIB);
  expect(error).toMatchObject({
    code: 'ERR_TALLY_LIMIT',
    message: expect.stringContaining("the gauge 'vram'"),
  });
  expect(error.message).toContain('vram (12.6 MB)');
  expect(told).toEqual([{ bytes: 12 * MIB, limit: 10 * MIB, size: 0, gauge: 'vram' }]);
  const raw = things.make(5 * 1024); // by somebody else
  collect(); // which reads it
  track(1n, { size: 1, free: null }).dispose();
  things.free(raw);
  for (const each of kept) each.dispose();
});

test('what is refused because of a gauge without a limit is told with its name', () => {
  let used = 0;
  opened('cache', () => used);
  configure({ limit: MIB });
  used = 2 * MIB;
  expect(errorOf(() => track(1n, { size: 0, free: null })).message).toContain('cache (2.10 MB)');
  configure({ limit: Infinity });
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
  expectRefusal(() => gauge('a', () => 0, { limit: 0 }), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
  expectRefusal(() => gauge('a', () => 0, { budget: '1' }), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
  expectRefusal(() => gauge('a', () => 0, { most: 1 }), TypeError, 'ERR_TALLY_UNKNOWN_OPTION');
});
