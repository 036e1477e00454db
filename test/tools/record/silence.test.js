/** @jest-environment ./test/support/once.js */
'use strict';

const { Worker } = require('node:worker_threads');
const { Silence, taskOfThisThread } = require('../../../lib/tools/record/silence.js');

const now = 10_000;
const thread = (threadId, task, publishedAt) => ({ threadId, task, publishedAt });

test('a thread of which nothing is known but that it is late is silent', () => {
  const silence = new Silence();
  expect(silence.of([thread(0, 0, now - 100), thread(1, 0, now - 900)], now)).toBe(0);
  expect(silence.of([thread(0, 0, now - 3000), thread(1, 0, now - 4000)], now)).toBe(4000);
});

(process.platform === 'linux' ? test : test.skip)('one that waits has nothing to tell', async () => {
  const code = `
    const { parentPort } = require('node:worker_threads');
    const { taskOfThisThread } = require(${JSON.stringify(require.resolve('../../../lib/tools/record/silence.js'))});
    parentPort.postMessage(taskOfThisThread());
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  `;
  const worker = new Worker(code, { eval: true });
  const waits = await new Promise((resolve) => worker.once('message', resolve));
  const works = taskOfThisThread();
  expect(new Set([waits, works, 0]).size).toBe(3);
  const silence = new Silence();
  const threads = [thread(0, works, now - 2000), thread(1, waits, now - 3000)];
  expect(silence.of(threads, now)).toBe(0); // missed for the first time
  const { user } = process.cpuUsage();
  while (process.cpuUsage().user - user < 300_000);
  expect(silence.of(threads, now)).toBe(2000);
  // Once it has told something it begins anew.
  expect(silence.of([thread(0, works, now - 1500)], now)).toBe(0);
  await worker.terminate();
  // Of a process that exits, workers end one by one while the sampler still samples.
  expect(silence.of([thread(1, waits, now - 3000)], now)).toBe(0);
});
