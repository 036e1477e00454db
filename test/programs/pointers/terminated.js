'use strict';
// Workers that take over and hand over, and are terminated at any moment. Prints what has come back, and what is left.
//   node test/programs/pointers/terminated.js WORKERS

const { once } = require('node:events');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { configure, handOver, stats, takeOver, track } = require('../../../lib');
const things = require('../../support/things.js');

function serve() {
  parentPort.on('message', (tokens) => {
    parentPort.postMessage('begun');
    for (const token of tokens) parentPort.postMessage(handOver(takeOver(token)));
    for (;;);
  });
}

const make = () => track(things.make(100), { size: 100, free: things.FREE });

async function main() {
  configure({ atExit: 'free' });
  let back = 0;
  const workers = Number(process.argv[2]);
  for (let i = 0; i < workers; i++) {
    const worker = new Worker(__filename);
    worker.postMessage(Array.from({ length: 2000 }, () => handOver(make())));
    await once(worker, 'message');
    worker.on('message', (token) => {
      takeOver(token).dispose();
      back++;
    });
    for (const enough = back + (1000 / workers) * i; back < enough;) await new Promise(setImmediate);
    await worker.terminate();
  }
  const { bytes, pointers } = stats();
  const left = stats({ scope: 'process' }).inTransit.pointers;
  console.log(JSON.stringify({ back, bytes, pointers, left }));
}

if (isMainThread) main();
else serve();
