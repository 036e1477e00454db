'use strict';
// Prints what is tracked here, and in all threads, while another one has something and after its end.

const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { memoryUsage, track } = require('../../../lib');

function serve() {
  globalThis.kept = track(1n, { size: 5000, free: null });
  memoryUsage();
  parentPort.on('message', () => {}).postMessage('');
}

function main() {
  const worker = new Worker(__filename);
  const pointer = track(1n, { size: 300, free: null });
  worker.once('message', async () => {
    const during = memoryUsage();
    await worker.terminate();
    const after = memoryUsage();
    console.log(JSON.stringify([during.tracked, during.terms.tracked, after.terms.tracked]));
    pointer.dispose();
  });
}

if (isMainThread) main();
else serve();
