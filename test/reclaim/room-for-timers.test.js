/** @jest-environment ./test/support/once.js */
'use strict';
// Where the stack is nearly full, Node makes an immediate or a timer by half: then the event loop turns for ever.

const { runChild } = require('../support/child.js');

test.each([
  ['an immediate', `track(address, { size: 10, free: null })`],
  ['an immediate for a view', `track(address, { size: 10, free: null }).view()`],
])('%s is made only where there is room', async (_, use) => {
  const child = await runChild(`
    const timers = require('node:timers');
    const ignore = () => {};
    const words = new Array((4 * 1024) / 8).fill(0);
    const hasRoom = () => {
      try {
        ignore.apply(undefined, words);
        return true;
      } catch {
        return false;
      }
    };
    hasRoom(); // compiled now: that takes 40 kB
    let calls = 0;
    let isEarly = false;
    for (const name of ['setImmediate', 'setTimeout']) {
      const before = timers[name];
      timers[name] = (...args) => {
        calls++;
        isEarly ||= !hasRoom();
        return before(...args);
      };
    }
    const { track } = require('./lib');
    const { atStackEnd } = require('./test/support/stack-end.js');
    const memory = new BigUint64Array(2);
    const address = require('koffi').address(memory);
    const pointers = [];
    const attempt = () => {
      try {
        pointers.push(${use});
        return true;
      } catch (error) {
        if (!/call stack/.test(error.message)) throw error;
        return false;
      }
    };
    (async () => {
      for (let i = 0; i < 10; i++) {
        atStackEnd(attempt, 1, 2);
        await new Promise(setImmediate);
      }
      console.log(JSON.stringify({ isEarly, isCalled: calls > 0 }));
    })();
  `);
  expect(child).toMatchObject({ code: 0, signal: null });
  expect(JSON.parse(child.stdout)).toEqual({ isEarly: false, isCalled: true });
});
