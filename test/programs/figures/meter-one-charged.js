'use strict';
// One environment is charged for what a meter counts; when it ends, another.

const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { meteredAllocator, stats } = require('../../../lib');
const { assert, malloc, once } = require('./meter.js');

function serve() {
  malloc(meteredAllocator({ label: 'it' }).malloc, 1000);
  parentPort.postMessage(stats().outside);
  parentPort.once('message', () => {});
}

async function main() {
  const worker = new Worker(__filename);
  const [theirs] = await once(worker, 'message');
  assert(theirs >= 1000);
  meteredAllocator({ label: 'it' });
  assert.strictEqual(stats().meters.find(({ label }) => label === 'it').bytes, theirs);
  assert.strictEqual(stats().outside, 0);
  worker.postMessage('end');
  await once(worker, 'exit');
  assert.strictEqual(stats().outside, theirs);
}

if (isMainThread) main();
else serve();
