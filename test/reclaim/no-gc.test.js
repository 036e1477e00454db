/** @jest-environment ./test/support/once.js */
'use strict';
// A runtime that cannot be asked for a collection: V8 is told everything at once and decides by itself.

const { runChild } = require('../support/child.js');

test('memory is held down on the event loop, and V8 is told the whole truth', async () => {
  const { code, signal, stdout, stderr } = await runChild('test/programs/reclaim/no-gc.js', {
    execArgv: ['--max-old-space-size=1024'], // V8 is free to wait until what it is told comes near to its own limit
  });
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  const found = JSON.parse(stdout);
  expect(found.collections).toMatchObject({ minor: 0, major: 0 });
  expect(found.peak).toBeLessThan(2 * 2 ** 30);
  expect(found.totals.collected).toBeGreaterThan(700);
  expect(found.reported).toBe(found.bytes);
});

const linux = process.platform === 'linux' ? test : test.skip;

linux('the process asks for collections once there', async () => {
  const { code, signal, stdout, stderr } = await runChild('test/programs/reclaim/no-gc-wanted.js');
  expect({ code, signal, stdout, stderr }).toEqual({ code: 0, signal: null, stdout: '0\n', stderr: '' });
});
