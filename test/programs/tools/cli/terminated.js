'use strict';
// A worker with a worker, terminated when samples of both have been taken; and some more after that. Each keeps what is
// said: a Buffer, in the workers, or a pointer.
//   node test/programs/tools/cli/terminated.js RECORD buffer|pointer

const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { track } = require('ffi-tally');

const start = (depth) => new Worker(__filename, { argv: process.argv.slice(2), workerData: depth });

async function main() {
  const { moreSamples } = require('./record.js');
  const worker = start(1);
  await new Promise((resolve) => worker.once('message', resolve));
  await moreSamples(12);
  await worker.terminate();
  await moreSamples(12);
}

if (process.argv[3] === 'pointer') {
  globalThis.kept = track(4096n, { size: 1000, free: null, label: isMainThread ? 'main' : 'worker' });
} else if (!isMainThread) {
  globalThis.kept = Buffer.alloc(40_000_000, 1);
}

if (isMainThread) {
  main();
} else {
  if (workerData === 1) start(2).once('message', (message) => parentPort.postMessage(message));
  else setImmediate(() => parentPort.postMessage('here'));
  setInterval(() => {}, 1000);
}
