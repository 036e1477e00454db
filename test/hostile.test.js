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
const { combinations } = require('./support/whole.js');

const root = path.join(__dirname, '..');
// Some versions say that --jitless switches WebAssembly off, unless it is off; others have no such flag.
const withoutWasm = ['--no-expose-wasm'].filter(
  (flag) => spawnSync(process.execPath, [flag, '--eval', '']).status === 0,
);
const isFlag = (flag) => process.allowedNodeEnvironmentFlags.has(flag);

/** Loads test/programs/hostile.js as `main`. */
const program = `const main = require('./test/programs/hostile.js');`;

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

  const before = async (_, replace) => {
    expectEnd(await run(`require('./test/support/things.js'); ${replace} ${program} main();`));
  };
  const after = async (_, replace) => {
    expectEnd(await run(`${program} ${replace} main();`));
  };
  const bigInt = 'BigInt.asUintN = () => 0n;';
  const all = Object.values(harmless)
    .map((replace) => `{ ${replace} }`)
    .join('\n');

  test('all of these, before us', () => before('', all));
  test('all of these and BigInt.asUintN, after us', () => after('', `${all} ${bigInt}`));

  // Which of them it was.
  combinations.test.each(Object.entries(harmless))('%s, before us', before);
  combinations.test.each([...Object.entries(harmless), ['BigInt.asUintN', bigInt]])('%s, after us', after);
});

describe('Jest', () => {
  test('with fake timers: nothing waits for them, and nothing is left open', async () => {
    const config = {
      rootDir: path.join(root, 'test/programs/jest'),
      testMatch: ['**/fake-timers.js'],
      transform: {},
    };
    const { code, signal, stdout, stderr } = await runChild('node_modules/jest/bin/jest.js', {
      args: ['--config', JSON.stringify(config), '--ci', '--detectOpenHandles'],
    });
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
    const child = await run('test/programs/two-copies.js', { args: [path.join(directory, 'lib')] });
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
