/** @jest-environment ./test/support/once.js */
'use strict';
// Surroundings that a library does not choose: flags, small heaps, globals that the program has replaced, test runners,
// a second copy of itself. In each, the same program must come to the same end.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { runChild } = require('./support/child.js');
const { faultless } = require('./support/things.js');

const root = path.join(__dirname, '..');
// Some versions say that --jitless switches WebAssembly off, unless it is off; others have no such flag.
const withoutWasm = ['--no-expose-wasm'].filter(
  (flag) => spawnSync(process.execPath, [flag, '--eval', '']).status === 0,
);
const isFlag = (flag) => process.allowedNodeEnvironmentFlags.has(flag);

/** Tracks, drops, disposes, fails and collects, in a synchronous loop and in turns of the event loop. */
const program = `
  const { BigInt: OwnBigInt, console: ownConsole, JSON: OwnJSON } = globalThis;
  const tally = require('./lib');
  const things = require('./test/support/things.js');
  const { POINTER, SIZE, collect, configure, handOver, memoryUsage, reportExternal, stats, takeOver, track } = tally;
  const koffi = tally.withOwnership(things.koffi);
  const library = koffi.load(require('./test/support/counting.js').counting);
  koffi.opaque('Thing');
  koffi.owned('OwnedThing', 'Thing *', { free: 'thing_free', size: 'thing_size' });
  const create = library.func('OwnedThing thing_new(size_t bytes)');
  const id = library.func('int64_t thing_id(Thing *thing)');
  const canBind = require('./lib/binding').canBind;
  const destructors = [things.FREE, (address) => things.free(address), ...(canBind ? [{ address: things.FREE_SIZED, args: [POINTER, SIZE, -1] }] : [])];
  const codeOf = (attempt) => { try { attempt(); } catch (error) { return error.code; } };
  const SIZE_OF = 500_000;
  const found = { codes: [] };
  const one = (i) => {
    const free = destructors[i % destructors.length];
    const size = i % 4 === 0 ? SIZE_OF : 100;
    const pointer = i % 5 === 0 ? create(size) : track(things.make(size), { size, free, label: 'label ' + (i % 3) });
    if (i % 5 === 0 && id(pointer) <= 0) throw new Error('lent wrongly');
    if (i % 7 === 0) takeOver(i % 2 === 0 || i % 5 === 0 ? handOver(create(10)) : handOver(track(things.make(10), { size: 10, free: things.FREE }))).dispose();
    if (i % 3 === 0) pointer.dispose();
  };
  const main = async () => {
    configure({ budget: 8e6 });
    for (let i = 0; i < 1000; i++) one(i);
    found.peak = stats().peakBytes;
    for (let i = 0; i < 50; i++) { one(i); await new Promise(require('node:timers').setImmediate); }
    reportExternal(1000);
    reportExternal(-1000);
    found.codes.push(codeOf(() => reportExternal(-1)), codeOf(() => track(0n, { size: 1, free: null })), codeOf(() => takeOver({ handedOver: '' })));
    const pointer = create(100);
    require('node:util').inspect(pointer);
    memoryUsage();
    pointer.dispose();
    found.codes.push(codeOf(() => id(pointer)));
    collect();
    await new Promise(require('node:timers').setImmediate);
    collect();
    const { bytes, pointers, manual, reported, totals } = stats();
    const { inTransit } = stats({ scope: 'process' });
    ownConsole.log(OwnJSON.stringify({ ...found, bytes, pointers, manual, reported, failed: totals.failed, inTransit, ...things.counters() }));
  };
`;

const MADE = 1000 + 143 + 50 + 8 + 1;

function expectEnd({ code, signal, stdout, stderr }, bound = true) {
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  const { peak, ...found } = JSON.parse(stdout.trim().split('\n').pop());
  if (bound) expect(peak).toBeLessThan(60e6);
  expect(found).toMatchObject({
    codes: ['ERR_TALLY_UNBALANCED', 'ERR_TALLY_NULL_POINTER', 'ERR_TALLY_TAKEN_OVER', 'ERR_TALLY_DISPOSED'],
    ...{ bytes: 0, pointers: 0, manual: 0, reported: 0, failed: 0, inTransit: { bytes: 0, pointers: 0 } },
    ...{ made: MADE, freed: MADE, live: 0 },
    ...faultless,
  });
}

const run = (code, options) =>
  runChild(code, { ...options, execArgv: ['--no-warnings', ...(options?.execArgv ?? [])] });

describe('flags', () => {
  test.each([
    ['none', []],
    ['--no-expose-gc', ['--no-expose-gc']],
    ['--expose-gc', ['--expose-gc']],
    ['--frozen-intrinsics', ['--frozen-intrinsics']],
    ['--disallow-code-generation-from-strings', ['--disallow-code-generation-from-strings']],
    ['--disable-proto=throw', ['--disable-proto=throw']],
    ['--jitless', ['--jitless', ...withoutWasm]],
    ['--stack-size=200', ['--stack-size=200']],
    ['--max-semi-space-size=1', ['--max-semi-space-size=1']],
    ['--single-threaded', ['--single-threaded']],
    [
      '--unhandled-rejections=strict --pending-deprecation',
      ['--unhandled-rejections=strict', '--pending-deprecation'],
    ],
  ])('%s', async (_, execArgv) => {
    expectEnd(await run(`${program} main();`, { execArgv }));
  });

  const permission = ['--permission', '--experimental-permission'].find(isFlag);

  (permission === undefined ? test.skip : test)('--permission with --allow-addons', async () => {
    const execArgv = [permission, '--allow-fs-read=*', '--allow-addons'];
    expectEnd(await run(`${program} main();`, { execArgv }));
  });

  test('NODE_OPTIONS=--max-old-space-size=64', async () => {
    expectEnd(await run(`${program} main();`, { env: { NODE_OPTIONS: '--max-old-space-size=64' } }));
  });

  test('a small heap that is nearly full', async () => {
    const fill = `const ballast = Array.from({ length: 60_000 }, (_, i) => ({ i, text: 'x'.repeat(10) + i, more: [i] }));`;
    const execArgv = ['--max-old-space-size=64'];
    expectEnd(await run(`${fill} ${program} main().then(() => ballast.length);`, { execArgv }));
  });
});

describe('a program that replaces', () => {
  const harmless = {
    'FinalizationRegistry, by one that never calls': `
      globalThis.FinalizationRegistry = class { register() {} unregister() {} };`,
    'WeakRef, by nothing': `
      delete globalThis.WeakRef;`,
    'BigInt.prototype.toString': `BigInt.prototype.toString = () => { throw new Error('not yours'); };`,
    'BigInt.prototype.toJSON and valueOf': `
      BigInt.prototype.toJSON = () => 'bigint';
      BigInt.prototype.valueOf = () => 7n;`,
    'setImmediate, setTimeout and queueMicrotask': `
      for (const name of ['setImmediate', 'setTimeout', 'setInterval']) globalThis[name] = () => { throw new Error(name); };
      globalThis.queueMicrotask = () => { throw new Error('queueMicrotask'); };`,
    'performance and Date': `
      globalThis.performance = { now: () => NaN };
      globalThis.Date = { now: () => NaN };`,
    gc: `globalThis.gc = 'not a function';`,
    process: `
      const { process: own } = globalThis;
      own.memoryUsage.rss = undefined;`,
  };

  test.each(Object.entries(harmless))('%s, before us', async (_, replace) => {
    expectEnd(await run(`require('./test/support/things.js'); ${replace} ${program} main();`));
  });

  test.each([...Object.entries(harmless), ['BigInt.asUintN', 'BigInt.asUintN = () => 0n;']])(
    '%s, after us',
    async (_, replace) => {
      expectEnd(await run(`${program} ${replace} main();`));
    },
  );
});

describe('Jest', () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-jest-'));
  afterAll(() => fs.rmSync(directory, { recursive: true }));

  const jestIn = async (file, args) => {
    fs.writeFileSync(path.join(directory, 'package.json'), '{}');
    fs.writeFileSync(path.join(directory, 'a.test.js'), file);
    return runChild(path.join(root, 'node_modules/jest/bin/jest.js'), {
      args: [
        '--rootDir',
        directory,
        '--config',
        '{"transform": {}, "testEnvironment": "node"}',
        '--ci',
        ...args,
      ],
    });
  };

  const lib = JSON.stringify(path.join(root, 'lib'));
  const support = JSON.stringify(path.join(root, 'test/support/things.js'));

  test('with fake timers: nothing waits for them, and nothing is left open', async () => {
    const { code, signal, stdout, stderr } = await jestIn(
      `
      const { collect, stats, track } = require(${lib});
      const things = require(${support});
      jest.useFakeTimers();
      const make = (size) => track(things.make(size), { size, free: things.FREE });
      test('in synchronous code', () => {
        for (let i = 0; i < 300; i++) make(i % 2 === 0 ? 1e6 : 100);
        make(10).dispose();
        collect();
        expect(stats().pointers).toBe(0);
        expect(things.counters()).toMatchObject({ live: 0, freed: 301 });
      });
      test('on the event loop', async () => {
        const { setImmediate } = require('node:timers/promises');
        for (let i = 0; i < 5000; i++) make(100);
        stats();
        for (let turn = 0; stats().pointers > 0 && turn < 200; turn++) {
          if (turn % 20 === 0) require(${JSON.stringify(path.join(root, 'test/support/gc-until.js'))}).gc();
          await setImmediate();
        }
        expect(stats().pointers).toBe(0);
        expect(jest.getTimerCount()).toBe(0);
      });
      test('a kept one', () => { globalThis.kept = make(100); });
      `,
      ['--detectOpenHandles'],
    );
    expect({ code, signal, stdout, stderr: code === 0 ? '' : stderr }).toEqual({
      code: 0,
      signal: null,
      stdout: '',
      stderr: '',
    });
    expect(stderr).not.toContain('open handle');
    expect(stderr).toContain('3 passed');
  });
});

describe('two copies of the package, each with an addon of its own,', () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-copy-'));
  afterAll(() => fs.rmSync(directory, { recursive: true }));
  beforeAll(() => {
    for (const name of ['lib', 'build/Release/ffi_tally.node', 'package.json']) {
      fs.cpSync(path.join(root, name), path.join(directory, name), { recursive: true });
    }
  });

  test('keep out of each other', async () => {
    const child = await run(`
      const things = require('./test/support/things.js');
      const [a, b] = [require('./lib'), require(${JSON.stringify(path.join(directory, 'lib'))})];
      const make = (tally, size) => tally.track(things.make(size), { size, free: things.FREE, label: 'thing' });
      const codeOf = (attempt) => { try { return attempt(); } catch (error) { return error.code ?? error.name; } };
      (() => { for (let i = 0; i < 2000; i++) { make(a, 100); make(b, i % 2 === 0 ? 100 : 100_000); } })();
      const token = a.handOver(make(a, 100));
      const mine = make(a, 100);
      const koffi = b.withOwnership(things.koffi);
      const owning = koffi.load(require('./test/support/counting.js').counting);
      koffi.owned('OwnedThing', 'void *', { free: 'thing_free', size: 10 });
      const take = owning.func('void thing_free(OwnedThing thing)');
      const codes = [
        codeOf(() => b.takeOver(token)),
        codeOf(() => b.handOver(mine)),
        codeOf(() => b.track(1n, { size: 0, free: null, parent: mine })),
        codeOf(() => take(mine)),
      ];
      a.takeOver(token).dispose();
      mine.dispose();
      a.collect();
      b.collect();
      const books = [a, b].map((tally) => { const { bytes, pointers, reported } = tally.stats(); return [bytes, pointers, reported]; });
      console.log(JSON.stringify({ same: a === b, codes, books, ...things.counters() }));
    `);
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    const found = JSON.parse(child.stdout);
    expect(found).toMatchObject({
      same: false,
      codes: [
        'ERR_TALLY_TAKEN_OVER',
        'ERR_TALLY_INVALID_ARG_TYPE',
        'ERR_TALLY_INVALID_ARG_TYPE',
        'TypeError',
      ],
      books: [
        [0, 0, 0],
        [0, 0, 0],
      ],
      ...{ made: 4002, freed: 4002, live: 0 },
      ...faultless,
    });
  });
});
