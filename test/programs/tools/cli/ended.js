'use strict';
// Exits while one of its threads has to be interrupted for its figures, and notes in its record when Node ends the threads.
//   node test/programs/tools/cli/ended.js RECORD

const fs = require('node:fs');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');

function main(record) {
  // What Node calls when all listeners of 'exit' have returned: it ends the threads.
  const { reallyExit } = process;
  process.reallyExit = function (code) {
    fs.appendFileSync(record, '{"type":"threads end"}\n');
    reallyExit.call(this, code);
  };
  new Worker(__filename).once('message', () => {
    // Has to be interrupted for its figures.
    while (!fs.readFileSync(record, 'utf8').includes('"interrupted":true'));
    process.exit(7);
  });
}

function serve() {
  globalThis.slowToEnd = Array.from({ length: 300_000 }, () => [{}]);
  parentPort.postMessage('here');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

if (isMainThread) main(process.argv[2]);
else serve();
