/** @jest-environment ./test/support/once.js */
'use strict';
// ffi-tally/jest, by running Jest in a child.

const fs = require('node:fs');
const path = require('node:path');
const { runChild } = require('../support/child.js');
const { some } = require('../support/whole.js');

const directory = path.join(__dirname, '../../build/jest');
const bin = require.resolve('jest/bin/jest');

/** Runs these test files, one after the other, in the environment; returns what Jest tells of each. */
async function runAll(name, files, env) {
  const rootDir = path.join(directory, name);
  fs.rmSync(rootDir, { recursive: true, force: true });
  fs.mkdirSync(rootDir, { recursive: true });
  const config = {
    rootDir,
    testEnvironment: 'ffi-tally/jest',
    transform: {},
    testTimeout: 300_000,
    haste: { enableSymlinks: false },
  };
  fs.writeFileSync(path.join(rootDir, 'jest.config.json'), JSON.stringify(config));
  for (const [file, code] of Object.entries(files))
    fs.writeFileSync(path.join(rootDir, `${file}.test.js`), code);
  const args = ['--ci', '--json', '--runInBand', '--config', path.join(rootDir, 'jest.config.json')];
  const child = await runChild(bin, { args, env });
  expect(child.signal).toBe(null);
  return { code: child.code, results: JSON.parse(child.stdout).testResults };
}

/** Runs that test file; returns its tests by name, as { status, message }. */
async function run(name, planted, env) {
  const { code, results } = await runAll(name, { planted }, env);
  const [file] = results;
  const tests = Object.fromEntries(
    file.assertionResults.map(({ title, status, failureMessages }) => [
      title,
      { status, message: failureMessages.join('\n') },
    ]),
  );
  return { code, message: file.message, tests };
}

const start = `
  const { track } = require('ffi-tally');
  const kept = [];
  const leak = (label) => void kept.push(track(1n, { size: 100, free: null, label }));
`;

test('a test that leaks fails, and no other does', async () => {
  const { code, tests } = await run(
    'leaking',
    `${start}
    beforeAll(() => leak('of all'));
    test('first', () => leak('planted'));
    test('clean', () => {
      track(1n, { size: 100, free: null });
      track(1n, { size: 100, free: null }).dispose();
    });
    test('fails anyway', () => {
      leak('of a failure');
      throw new Error('the reason');
    });
    test.skip('skipped', () => {});
    test('second', async () => leak('planted'));
  `,
    { FFI_TALLY_TRACE: '1' },
  );
  expect(code).toBe(1);
  expect(tests).toEqual({
    first: { status: 'failed', message: expect.stringContaining('planted: 1 pointer, 100 bytes') },
    clean: { status: 'passed', message: '' },
    'fails anyway': { status: 'failed', message: expect.not.stringContaining('of a failure') },
    skipped: { status: 'pending', message: '' },
    second: { status: 'failed', message: expect.stringContaining('planted: 1 pointer, 100 bytes') },
  });
  expect(tests.first.message).toMatch(/1 of them made\n +at leak \(.*planted\.test\.js/);
});

test('a clean file passes, hooks that come last included', async () => {
  const { code, message, tests } = await run(
    'clean',
    `${start}
    afterEach(() => kept.splice(0).forEach((pointer) => pointer.dispose()));
    test('cleaned up by a hook', () => leak('hook'));
    test('loads the library anew', () => {
      jest.resetModules();
      require('ffi-tally').track(1n, { size: 100, free: null, label: 'anew' }).dispose();
    });
  `,
  );
  expect({ code, message }).toEqual({ code: 0, message: '' });
  expect(Object.values(tests)).toEqual(Array(2).fill({ status: 'passed', message: '' }));
});

test('a file hears what is told on diagnostics channels, though the library of the file before has just died', async () => {
  const code = `
    const { subscribe, unsubscribe } = require('node:diagnostics_channel');
    const { setFlagsFromString } = require('node:v8');
    const { runInNewContext } = require('node:vm');
    let dead;
    const finalizers = new Promise((resolve) => (dead = new FinalizationRegistry(resolve)));
    (() => dead.register({}, 0))();
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
    const { collect } = require('ffi-tally');
    test('hears', async () => {
      await finalizers;
      await new Promise(setImmediate); // those of the file before have run, too
      const listener = jest.fn();
      subscribe('ffi-tally:gc', listener);
      collect();
      unsubscribe('ffi-tally:gc', listener);
      expect(listener).toHaveBeenCalledTimes(1);
    });
  `;
  const files = Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`file-${i}`, code]));
  const { code: exitCode, results } = await runAll('channels', files);
  expect(results.map(({ message }) => message)).toEqual(Array(4).fill(''));
  expect(exitCode).toBe(0);
});

test.each(some(['koffi', 'koffi2'], 'koffi'))('files declare the same types, with %s', async (name) => {
  const code = (size) => `
    const { withOwnership } = require('ffi-tally/koffi');
    const koffi = withOwnership(require('${name}'));
    test('declares and uses', () => {
      const libc = koffi.load(process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6');
      for (let i = 0; i < 2; i++) {
        koffi.owned('Block', 'void *', { free: 'free', size: (address, count, size) => ${size} });
        koffi.owned('Text', 'char *', { free: 'free' });
        koffi.owned('Word', 'char *', { free: libc.func('void free(void *pointer)') });
      }
      const block = libc.func('Block calloc(size_t count, size_t size)')(10, 10);
      expect(block.size).toBe(100);
      block.dispose();
      expect(libc.func('Text strdup(const char *text)')('text')).toBe('text');
      expect(libc.func('Word strdup(const char *text)')('word')).toBe('word');
    });
  `;
  const files = { first: code('count * size'), second: code('count * size'), third: code('size * count') };
  const { code: exitCode, results } = await runAll(`types-${name}`, files);
  expect(results.map(({ message }) => message)).toEqual(Array(3).fill(''));
  expect(exitCode).toBe(0);
});
