'use strict';
// ffi-tally/jest, by running Jest in a child.

const fs = require('node:fs');
const path = require('node:path');
const { runChild } = require('./support/child.js');

const directory = path.join(__dirname, '../build/jest');
const bin = require.resolve('jest/bin/jest');

/** Runs that test file in the environment; returns its tests by name, as { status, message }. */
async function run(name, code, env = {}) {
  const rootDir = path.join(directory, name);
  fs.rmSync(rootDir, { recursive: true, force: true });
  fs.mkdirSync(rootDir, { recursive: true });
  const config = {
    rootDir,
    testEnvironment: 'ffi-tally/jest',
    transform: {},
    haste: { enableSymlinks: false },
  };
  fs.writeFileSync(path.join(rootDir, 'jest.config.json'), JSON.stringify(config));
  fs.writeFileSync(path.join(rootDir, 'planted.test.js'), code);
  const args = ['--ci', '--json', '--runInBand', '--config', path.join(rootDir, 'jest.config.json')];
  const child = await runChild(bin, { args, env });
  expect(child.signal).toBe(null);
  const [file] = JSON.parse(child.stdout).testResults;
  const tests = Object.fromEntries(
    file.assertionResults.map(({ title, status, failureMessages }) => [
      title,
      { status, message: failureMessages.join('\n') },
    ]),
  );
  return { code: child.code, message: file.message, tests };
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
