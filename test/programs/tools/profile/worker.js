'use strict';
// Ends when its worker has allocated, unless it is to stay.

const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const koffi = require('koffi');

const malloc = koffi.load('libc.so.6').func('void *malloc(size_t bytes)');

function inWorker() {
  malloc(10_000_000);
}
if (isMainThread) {
  new Worker(__filename).on('message', () => {
    if (process.argv[2] !== 'stay') process.exit();
  });
  setInterval(() => {}, 1000);
} else {
  inWorker();
  parentPort.postMessage('done');
}
