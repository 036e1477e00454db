/** @jest-environment ./test/support/once.js */
'use strict';
// Sizes that nobody states: what the producing call allocates through a meter, or in the whole process. In processes of
// their own, where nobody else has set the hooks of libxml2.

const { Samples } = require('../../../lib/ownership/size/samples.js');
const { runChild } = require('../../support/child.js');

/** Runs a program, or code, that uses libxml2. */
async function run(program) {
  const { stdout, ...rest } = await runChild(program);
  expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
  if (stdout !== 'missing\n') return expect(stdout).toBe('');
  if (process.env.CI === 'true') throw new Error('libxml2 is not installed');
  return process.emitWarning('libxml2 is not installed: sizes by its hooks are not tested');
}

const prelude = `
  const assert = require('node:assert');
  const { meteredAllocator } = require('./lib');
  const { account, hook, koffi, reader } = require('./test/programs/ffi/koffi/libxml2.js');
`;

test.each([
  ['a document, to the byte what the library frees, and what it grows by', 'document'],
  ['a document that goes from thread to thread is counted once, wherever it is', 'document-in-threads'],
  ['calls within calls: each has its own share', 'document-within'],
])('%s', (_, name) => run(`test/programs/ffi/koffi/${name}.js`));

test('which meter: the only one, or the one that is named', () =>
  run(`${prelude}
    const unsupported = { code: 'ERR_TALLY_UNSUPPORTED' };
    const declare = (name, size) => koffi.owned(name, 'xmlDoc *', { free: 'xmlFreeDoc', size });
    assert.throws(() => declare('A', 'metered'), unsupported);
    const one = meteredAllocator({ label: 'one' });
    const two = meteredAllocator({ label: 'two' });
    assert.throws(() => declare('B', 'metered'), unsupported);
    hook(two);
    declare('C', two);
    const read = reader('C');
    const document = read();
    assert(document.size > 400_000);
    document.dispose();
    assert.throws(() => declare('D', { ...one }), { code: 'ERR_TALLY_INVALID_ARG_TYPE' });
  `));

test('a meter whose functions the library did not get: told, and the size is 0', async () => {
  const { stderr, ...rest } = await runChild(`${prelude}
    meteredAllocator({ label: 'unused' });
    koffi.owned('Document', 'xmlDoc *', { free: 'xmlFreeDoc', size: 'metered' });
    const read = reader('Document');
    for (let i = 0; i < 3; i++) assert.strictEqual(read().size, 0);
  `);
  if (rest.stdout === 'missing\n') return;
  expect(rest).toEqual({ code: 0, signal: null, stdout: '' });
  expect(stderr.match(/FFI_TALLY_NOT_METERED/g)).toHaveLength(1);
});

test('compared with the allocator about the block itself', () =>
  run(`${prelude}
    const libc = koffi.load(require('./test/support/platform.js').libc);
    koffi.owned('Block', 'void *', { free: 'free', size: (address, bytes) => 2 * bytes, compare: 'malloc' });
    const malloc = libc.func('Block malloc(size_t bytes)');
    for (let i = 0; i < 4; i++) malloc(1000).dispose();
    const { sizes, compared } = account('Block');
    assert.strictEqual(sizes, 'function');
    assert.strictEqual(compared.declaredBytes, 2000);
    assert(compared.measuredBytes >= 1000 && compared.measuredBytes < 1100);
    assert.throws(() => koffi.owned('X', 'void *', { free: 'free', size: 1, compare: 'guess' }), { code: 'ERR_TALLY_INVALID_ARG_TYPE' });
  `));

describe('samples', () => {
  test('noise in a quarter of them does not show, nor that the rest differ', () => {
    const samples = new Samples();
    for (const value of [100, 100, 1e9, 110, 90, -1e9, 100, 100]) samples.add(value);
    expect(samples.means.measured).toBe(100);
  });

  test('never below zero, and nothing is nothing', () => {
    const samples = new Samples();
    expect(samples.means.measured).toBe(0);
    samples.add(-50);
    expect(samples.means.measured).toBe(0);
  });

  test('the first calls are measured, then a few, and old ones are forgotten', () => {
    const samples = new Samples();
    const due = Array.from({ length: 1000 }, () => samples.due()).filter(Boolean);
    expect(due).toHaveLength(8 + 15);
    for (let i = 0; i < 16; i++) samples.add(1);
    for (let i = 0; i < 16; i++) samples.add(1000);
    expect(samples.means.measured).toBe(1000);
  });
});
