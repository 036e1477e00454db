/** @jest-environment ./test/support/once.js */
'use strict';
// What Electron forbids, without Electron: V8's memory cage allows no ArrayBuffer over native memory. That there is no
// gc() to be had is tried in ../reclaim/no-gc.test.js.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { caged } = require('../support/build.js')();
const { runChild } = require('../support/child.js');

const root = path.join(__dirname, '../..');
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-electron-'));
const addon = 'build/Release/ffi_tally.node';
const testLinux = process.platform === 'linux' ? test : test.skip;

beforeAll(() => {
  for (const name of ['lib', 'package.json'])
    fs.cpSync(path.join(root, name), path.join(directory, name), { recursive: true });
  const binary = fs.readFileSync(path.join(root, addon));
  const place = binary.indexOf('napi_create_external_arraybuffer\0');
  binary.write('napi_caged_', place);
  binary.write('external_arraybuffer\0', place + 'napi_caged_'.length);
  fs.mkdirSync(path.join(directory, path.dirname(addon)), { recursive: true });
  fs.writeFileSync(path.join(directory, addon), binary);
});
afterAll(() => fs.rmSync(directory, { recursive: true }));

const library = JSON.stringify(path.join(directory, 'lib'));

async function run(code) {
  const child = await runChild(
    `
    const { collect, memoryUsage, stats, track } = require(${library});
    const { FREE, counters, make } = require('./test/support/things.js');
    ${code}
  `,
    { env: { LD_PRELOAD: caged, FFI_TALLY_BACKEND: 'native' } },
  );
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  return JSON.parse(child.stdout);
}

testLinux('view() says why there is none and what to use; everything else works', async () => {
  const found = await run(`
    const pointer = track(make(64), { size: 64, free: FREE });
    const errors = [1, 2, 3].map(() => {
      try { pointer.view(); } catch ({ code, message }) { return code + ' ' + message.includes('Use copy()'); }
    });
    const copied = pointer.copy().length;
    pointer.dispose();
    const { bytes, pointers } = stats();
    console.log(JSON.stringify({ errors, copied, bytes, pointers, freed: counters().freed }));
  `);
  const error = 'ERR_TALLY_NO_VIEWS true';
  expect(found).toEqual({ errors: [error, error, error], copied: 64, bytes: 0, pointers: 0, freed: 1 });
});

testLinux('a pointer whose view was refused is freed when it is collected', async () => {
  const found = await run(`
    (() => {
      for (let i = 0; i < 100; i++) {
        try { track(make(64), { size: 64, free: FREE }).view(); } catch {}
      }
    })();
    setImmediate(() => {
      for (let i = 0; i < 10; i++) collect();
      console.log(JSON.stringify({ most: stats().pointers <= 2, live: counters().live <= 2 }));
    });
  `);
  expect(found).toEqual({ most: true, live: true });
});

testLinux('a synchronous loop stays within the budget', async () => {
  const found = await run(`
    let most = 0;
    for (let i = 0; i < 200; i++) {
      track(make(64), { size: 8 * 2 ** 20, free: FREE });
      most = Math.max(most, stats().bytes);
    }
    console.log(JSON.stringify({ within: most <= 256 * 2 ** 20, reported: memoryUsage().reported > 0 }));
  `);
  expect(found.within).toBe(true);
});
