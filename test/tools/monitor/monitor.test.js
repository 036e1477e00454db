'use strict';

const { monitor, memoryUsage } = require('../../../lib');
const { runChild } = require('../../support/child.js');
const inChildren = require('../../support/in-children.js');

const testAllocator = memoryUsage().allocator === undefined ? test.skip : inChildren.test;

/** Runs code with what programs/tools/monitor/watched.js has, and returns what it was told. */
async function findingsOf(program) {
  const code = `
    const { FREE, MIB, addressOf, configure, free, make, often, pass, stats, track, watching } =
      require('./test/programs/tools/monitor/watched.js');
    ${program}
  `;
  const { stdout, ...rest } = await runChild(code);
  expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
  return JSON.parse(stdout);
}

testAllocator('a native leak is found', async () => {
  const [finding, ...others] = await findingsOf('often(3000, () => make(8 * MIB));');
  expect(others).toEqual([]);
  expect(finding).toMatchObject({ type: 'gap', message: expect.stringContaining('nobody tracks') });
  expect(finding.bytes).toBeGreaterThanOrEqual(32 * 2 ** 20);
  expect(finding.bytesPerSecond).toBeGreaterThan(0);
});

inChildren.test('nothing is found in a clean program', async () => {
  const found = await findingsOf(`
    const ring = [];
    often(150, () => {
      free(make(8 * MIB));
      ring.push(track(addressOf(make(2 * MIB)), { size: 2 * MIB, free: FREE }));
      if (ring.length > 4) ring.shift();
      Buffer.alloc(MIB);
    });
  `);
  expect(found).toEqual([]);
});

inChildren.test('nor in a large leak of JavaScript, objects and Buffers', async () => {
  const found = await findingsOf(`
    const kept = [];
    often(120, () => {
      kept.push(Array.from({ length: 20_000 }, (_, i) => ({ i })));
      kept.push(Buffer.alloc(MIB, 1));
    });
  `);
  expect(found).toEqual([]);
});

inChildren.test('nor where a great many small pointers are tracked', async () => {
  const found = await findingsOf(`
    const kept = [];
    often(120, () => {
      for (let i = 0; i < 3000; i++) kept.push(track(4096n, { size: 1, free: null }));
    });
  `);
  expect(found).toEqual([]);
});

inChildren.test('memory that is dead while the event loop stands still', async () => {
  const [finding, ...others] = await findingsOf(`
    const make2 = () => track(addressOf(make(64 * MIB)), { size: 64 * MIB, free: (address) => free(address) });
    configure({ budget: 1024 * MIB });
    // A child that is alive keeps its parent, so that it is dead and not freed.
    const parent = make2();
    const child = track(4096n, { size: 1, free: null, parent });
    for (let i = 0; i < 3; i++) pass(20);
    parent.dispose();
    pass(2000);
    often(1, () => {});
  `);
  expect(others).toEqual([]);
  expect(finding).toMatchObject({ type: 'starved', bytes: 64 * 2 ** 20, pointers: 1 });
  expect(finding.seconds).toBeGreaterThanOrEqual(1);
});

inChildren.test('collections that return nothing', async () => {
  const [finding, ...others] = await findingsOf(`
    configure({ budget: MIB, growth: 0.001 });
    const kept = [];
    for (let i = 0; i < 40; i++) kept.push(track(4096n, { size: MIB, free: null, label: 'kept' }));
    often(3000, () => {
      if (stats().collections.major < 100) kept.push(track(4096n, { size: 2 * MIB, free: null, label: 'kept' }));
    });
  `);
  expect(others).toEqual([]);
  expect(finding).toMatchObject({ type: 'futile', accounts: [{ label: 'kept' }] });
  expect(finding.collections).toBeGreaterThanOrEqual(4);
});

inChildren.test('what nobody handles is a warning, and the timer keeps nothing alive', async () => {
  const child = await runChild(`
    const { performance } = require('node:perf_hooks');
    const now = performance.now.bind(performance);
    let later = 0;
    Object.defineProperty(performance, 'now', { value: () => now() + later });
    const { monitor, track } = require('./lib');
    monitor({ interval: 5 });
    const parent = track(4096n, { size: 64 * 2 ** 20, free: null });
    globalThis.child = track(8192n, { size: 1, free: null, parent });
    parent.dispose();
    later = 1500;
    const timer = setTimeout(() => {}, 60_000); // keeps the process until the warning is there
    process.on('warning', () => {
      clearTimeout(timer);
      console.log('the end');
    });
  `);
  expect(child).toMatchObject({ code: 0, signal: null, stdout: 'the end\n' });
  expect(child.stderr).toMatch(/\[FFI_TALLY_STARVED\] FfiTallyWarning: 67\.1 MB in 1 pointers were dead/);
});

inChildren.test('stopped, it tells nothing more', async () => {
  const found = await findingsOf(`
    watching.stop();
    const parent = track(4096n, { size: 64 * MIB, free: null });
    globalThis.child = track(8192n, { size: 1, free: null, parent });
    parent.dispose();
    pass(1500);
    often(5, () => {});
  `);
  expect(found).toEqual([]);
});

test.each([
  [{ interval: 0 }, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [{ interval: 2 ** 31 }, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [{ interval: '10' }, 'ERR_TALLY_INVALID_ARG_TYPE'],
  [{ gap: -1 }, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [{ onGap: 'log' }, 'ERR_TALLY_INVALID_ARG_TYPE'],
  [{ onStarved: {} }, 'ERR_TALLY_INVALID_ARG_TYPE'],
  [{ every: 5 }, 'ERR_TALLY_UNKNOWN_OPTION'],
])('%p is an error', (options, code) => {
  expect(() => monitor(options)).toThrow(expect.objectContaining({ code }));
});
