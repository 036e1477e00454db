/** @jest-environment ./test/support/once.js */
'use strict';
// The backend in JavaScript. binding.test.js has how it comes into play, model.test.js that it keeps the books, and
// acceptance.js what it promises.

const { runChild } = require('../support/child.js');
const { some } = require('../support/whole.js');

const MIB = 2 ** 20;
const env = { FFI_TALLY_BACKEND: 'javascript' };

async function run(fileOrCode, options) {
  const { code, signal, stdout, stderr } = await runChild(fileOrCode, { env, ...options });
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  return JSON.parse(stdout);
}

// The referee touches every page of what it makes.
const sizes = [
  ['large', MIB, 1, 800],
  ['middling', 524_288, 2, 600],
  ['small', 16_384, 50, 800],
];

describe.each(some(sizes, 'small'))(
  '%s pointers that nobody disposes of, on the event loop',
  (_, bytes, perTurn, turns) => {
    const args = [bytes, perTurn, turns].map(String);
    // What V8 collects because time goes by, or because its own young objects are many, would tell of them too.
    const execArgv = ['--no-memory-reducer', '--min-semi-space-size=64'];

    test('V8 feels them, and only by the ballast', async () => {
      const felt = await run('test/support/event-loop.js', { args, execArgv });
      const unfelt = await run('test/support/event-loop.js', {
        args: [...args, 'without-ballast'],
        execArgv,
      });
      for (const { live, twice, asked, reported } of [felt, unfelt]) {
        expect({ live, twice, asked, reported }).toEqual({ live: 0, twice: 0, asked: 0, reported: 0 });
      }
      // How far V8's threads are behind depends on who else wants the processors.
      const all = bytes * perTurn * turns;
      expect(felt.peak).toBeLessThan(0.75 * all);
      // Nearly all: V8 may collect once for a young generation of its own that is full.
      expect(unfelt.peak).toBeGreaterThan(0.9 * all);
    });
  },
);

test('ballast is address space, and not memory', async () => {
  const code = `
    const { reportExternal, stats, track } = require('./lib');
    const usage = () => process.memoryUsage();
    const before = usage();
    const pointers = [];
    for (let i = 0; i < 8; i++) pointers.push(track(1n, { size: ${64 * MIB}, free: null }));
    for (let i = 0; i < 4096; i++) pointers.push(track(1n, { size: 65_536, free: null }));
    reportExternal(${256 * MIB});
    const { rss, external } = usage();
    console.log(JSON.stringify({
      felt: external - before.external, resident: rss - before.rss, reported: stats().reported,
    }));
  `;
  const { felt, resident, reported } = await run(code);
  expect(reported).toBeLessThanOrEqual(1024 * MIB);
  expect(reported).toBeGreaterThan(1024 * MIB - 33 * MIB); // what is not felt yet
  expect(Math.abs(felt - reported)).toBeLessThan(2 * MIB);
  expect(resident).toBeLessThan(64 * MIB);
});

// What is felt at once: see lib/binding/javascript/ballast.js.
const UNIT = 'resizable' in ArrayBuffer.prototype ? MIB : 33 * MIB;
const SMALL = UNIT / 128;

test('what is told to V8 follows the books', async () => {
  const found = await run('test/programs/binding/told-to-v8.js', { args: [UNIT, SMALL].map(String) });
  const equal = [10, 20, 5, 0, 3, 7, 2].map((units) => [units * UNIT, units * UNIT]);
  expect(found.slice(0, 7)).toEqual(equal);
  const [[bytes, reported], empty, [live, felt], none] = found.slice(7);
  expect([bytes, reported]).toEqual([2.5 * UNIT, 2 * UNIT]);
  expect(empty).toEqual([0, 0]);
  expect(live).toBe(400 * SMALL);
  expect(felt).toBeLessThanOrEqual(live);
  expect(felt).toBeGreaterThan(live - UNIT - SMALL);
  expect(none).toEqual([0, 0]);
  expect(found).toHaveLength(11);
});

test('sizes beyond all address space are carried without ballast', async () => {
  const code = `
    const { stats, track } = require('./lib');
    const pointer = track(1n, { size: Number.MAX_SAFE_INTEGER, free: null });
    const { bytes, reported } = stats();
    pointer.dispose();
    console.log(JSON.stringify({ bytes, reported, after: stats().bytes }));
  `;
  expect(await run(code)).toEqual({ bytes: Number.MAX_SAFE_INTEGER, reported: 0, after: 0 });
});

test('in synchronous code nothing is freed but what is disposed, and on the event loop all the rest', async () => {
  const code = `
    const { collect, stats, track } = require('./lib');
    const { gcUntil } = require('./test/support/gc-until.js');
    const { FREE, counters, make } = require('./test/support/things.js');
    for (let i = 0; i < 100; i++) track(make(70_000), { size: 70_000, free: FREE });
    const collected = collect();
    const { freed } = counters();
    gcUntil('all are freed', () => stats().pointers === 0).then(() => {
      console.log(JSON.stringify({ collected, freed, later: counters().freed, majors: stats().collections.major }));
    });
  `;
  expect(await run(code)).toEqual({
    collected: { bytes: 0, pointers: 0 },
    freed: 0,
    later: 100,
    majors: 1,
  });
});

test('one collection is enough, with nobody tracking anything', async () => {
  const code = `
    const { stats, track } = require('./lib');
    const { gc } = require('./test/support/gc-until.js');
    const { FREE, counters, make } = require('./test/support/things.js');
    const turn = () => new Promise(setImmediate);
    (async () => {
      (() => { for (let i = 0; i < 3000; i++) track(make(64), { size: 70_000, free: FREE }); })();
      await turn();
      gc();
      for (let i = 0; i < 1000 && stats().pointers > 0; i++) await turn();
      console.log(JSON.stringify({ freed: counters().freed, pointers: stats().pointers }));
    })();
  `;
  expect(await run(code)).toEqual({ freed: 3000, pointers: 0 });
});

test('which of the registries V8 calls first does not matter', async () => {
  expect(await run('test/programs/binding/registries.js')).toEqual([
    [10, 0],
    [20, 0],
  ]);
});

test('the library of a destructor stays while a pointer needs it, and no longer', async () => {
  const code = `
    const koffi = require('./lib/ffi/koffi');
    const { collect } = require('./lib');
    const { counting2 } = require('./test/support/counting.js');
    const { isLoaded } = require('./test/support/loaded.js');
    const library = koffi.load(counting2);
    koffi.owned('Thing', 'void *', { free: 'thing_free', size: 70_000 });
    const thing = library.func('Thing thing_new(size_t bytes)')(70_000);
    library.unload();
    const found = [isLoaded(counting2)];
    thing.dispose();
    collect();
    found.push(isLoaded(counting2));
    console.log(JSON.stringify(found));
  `;
  expect(await run(code)).toEqual([true, false]);
});

test('bound arguments, malloc sizes and owned memory go through Koffi', async () => {
  const { size, ...rest } = await run('test/programs/binding/through-koffi.js');
  expect(rest).toEqual({ context: 42, zeros: true, owned: 100, wrong: 0 });
  expect(size).toBeGreaterThanOrEqual(1001);
  expect(size).toBeLessThan(1100);
});

test('what throws in a callback of a destructor is counted, and thrown at nobody', async () => {
  const code = `
    const { stats, track } = require('./lib');
    const koffi = require('./lib/ffi/koffi');
    const { make, symbol } = require('./test/support/things.js');
    koffi.proto('void Freed(void *)');
    const callback = koffi.register(() => { throw new Error('on purpose'); }, 'Freed *');
    process.on('warning', () => {});
    track(make(100_000), { size: 100_000, free: callback }).dispose();
    console.log(JSON.stringify(stats().totals));
  `;
  const child = await runChild(code, { env, execArgv: ['--no-warnings'] });
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  expect(JSON.parse(child.stdout)).toMatchObject({ tracked: 1, disposed: 1, failed: 1 });
});

test('destructors that may fail, or take the address of a place, go through Koffi', async () => {
  const code = `
    const { ADDRESS_OF, collect, stats, track } = require('./lib');
    const { counters, library, make, symbol } = require('./test/support/things.js');
    const refuse = library.func('void things_refuse(int result)');
    const codeOf = (attempt) => { try { attempt(); } catch (error) { return error.code + error.result; } };
    const free = { address: symbol('thing_close'), ok: 0, retry: true };
    track(make(10), { size: 10, free: { address: symbol('thing_freep'), args: [ADDRESS_OF] } }).dispose();
    const pointer = track(make(10), { size: 10, free });
    refuse(5);
    const codes = [codeOf(() => pointer.dispose()), pointer.disposed];
    refuse(0);
    pointer.dispose();
    console.log(JSON.stringify({ codes, failed: stats().totals.failed, freed: counters().freed }));
  `;
  const child = await runChild(code, { env, execArgv: ['--no-warnings'] });
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  expect(JSON.parse(child.stdout)).toEqual({ codes: ['ERR_TALLY_DESTRUCTOR5', false], failed: 1, freed: 2 });
});

test('nothing is handed over to another thread: the pointer stays', async () => {
  const code = `
    const { handOver, stats, takeOver, track } = require('./lib');
    const { FREE, counters, make } = require('./test/support/things.js');
    const codeOf = (attempt) => { try { attempt(); } catch (error) { return error.code; } };
    const pointer = track(make(10), { size: 10, free: FREE });
    const codes = [codeOf(() => handOver(pointer)), codeOf(() => takeOver({ handedOver: 'x', label: 'x', size: 1 }))];
    const { inTransit } = stats({ scope: 'process' });
    pointer.dispose();
    console.log(JSON.stringify({ codes, inTransit, freed: counters().freed }));
  `;
  expect(await run(code)).toEqual({
    codes: ['ERR_TALLY_UNSUPPORTED', 'ERR_TALLY_TAKEN_OVER'],
    inTransit: { bytes: 0, pointers: 0 },
    freed: 1,
  });
});

test('the drop-in for Koffi 2 is refused', async () => {
  const code = `
    const { withOwnership } = require('./lib');
    try { withOwnership(require('koffi2')); } catch ({ name, code }) { console.log(JSON.stringify({ name, code })); }
  `;
  expect(await run(code)).toEqual({ name: 'TypeError', code: 'ERR_TALLY_UNSUPPORTED' });
});

test('a full stack loses nothing', async () => {
  const { refused, cutShort, live, ...rest } = await run('test/programs/binding/full-stack.js', {
    execArgv: ['--stack-size=150'],
  });
  expect(refused + cutShort).toBeGreaterThan(0);
  expect(live).toBeLessThanOrEqual(refused); // of those that had no room for track() itself
  expect(rest).toEqual({ twice: 0, bytes: 0 });
});
