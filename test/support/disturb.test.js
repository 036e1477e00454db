/** @jest-environment ./test/support/once.js */
'use strict';
// How tests take JavaScript off the stack.

const { runChild } = require('./child.js');
const { canInterrupt } = require('./platform.js');

(canInterrupt ? test : test.skip)('threads that cut themselves off at once, each where it says', async () => {
  const child = await runChild(`
    const { Worker } = require('node:worker_threads');
    const code = \`
      const { cutOff, forever } = require('./test/support/disturb.js');
      for (let i = 0; i < 100; i++) cutOff(forever);
      console.log('done');
    \`;
    require('./test/support/disturb.js');
    for (let i = 0; i < 3; i++) new Worker(code, { eval: true });
    eval(code);
  `);
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '', stdout: 'done\n'.repeat(4) });
});
