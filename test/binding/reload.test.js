/** @jest-environment ./test/support/once.js */
'use strict';
// The library is loaded again and again, as reloaders of code and test runners do: what nobody uses any more goes.

const { runChild } = require('../support/child.js');
const nodeWithFfi = require('../support/node-with-ffi.js');
const { faultless } = require('../support/things.js');
const { times } = require('../support/whole.js');

const program = 'test/programs/binding/reload.js';

async function expectBounded(args, { execArgv = [], ...options } = {}) {
  const child = await runChild(program, {
    args: [String(times(16, 50)), ...args],
    execArgv: ['--expose-gc', ...execArgv],
    ...options,
  });
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  expect(JSON.parse(child.stdout)).toMatchObject({
    before: { bytes: 30, pointers: 3 },
    isIntact: true,
    after: { bytes: 0, pointers: 0 },
    isTakenBack: true,
    live: 0,
    ...faultless,
  });
}

test.each([
  ['the library', 'lib'],
  ['the drop-in for Koffi', 'lib/ffi/koffi'],
  ['the library and its addon', 'lib', 'addon'],
])('%s', (_, ...args) => expectBounded(args));

const node = nodeWithFfi('reloading the drop-in for node:ffi');
(node === undefined ? test.skip : test)('the drop-in for node:ffi', () =>
  expectBounded(['lib/ffi/node-ffi'], { node, execArgv: ['--experimental-ffi', '--no-warnings'] }),
);

test('in a worker, whose end frees what is still in use', async () => {
  const child = await runChild(
    `
    const { Worker } = require('node:worker_threads');
    const things = require('./test/support/things.js');
    const code = \`
      const things = require('./test/support/things.js');
      for (let i = 0; i < 30; i++) {
        for (const file of Object.keys(require.cache)) if (/[\\\\\\\\/]lib[\\\\\\\\/]/.test(file)) delete require.cache[file];
        const { track } = require('./lib');
        const pointer = track(things.make(10), { size: 10, free: things.FREE });
        if (i % 2 === 0) pointer.dispose();
        if (i % 3 === 0) globalThis.kept = pointer.disposed ? pointer : pointer.view();
        gc();
      }
    \`;
    new Worker(code, { eval: true }).on('exit', () => console.log(JSON.stringify(things.counters())));
  `,
    { execArgv: ['--expose-gc'] },
  );
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  expect(JSON.parse(child.stdout)).toMatchObject({ made: 30, freed: 30, ...faultless });
});

test('what a former copy loads later belongs to that copy', async () => {
  const child = await runChild(`
    const load = () => {
      for (const file of Object.keys(require.cache)) if (/[\\\\/]lib[\\\\/]/.test(file)) delete require.cache[file];
      return require('./lib');
    };
    const [former, current] = [load(), load()];
    const pointer = former.track(4096n, { size: 10, free: null });
    const bytes = [former, current].map((tally) => tally.stats().bytes);
    const { handedOver } = former.handOver(pointer);
    console.log(JSON.stringify({ bytes, handedOver: typeof handedOver, isCurrent: require('./lib') === current }));
  `);
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  expect(JSON.parse(child.stdout)).toEqual({ bytes: [10, 0], handedOver: 'string', isCurrent: true });
});
