'use strict';
/* global expect */
// Workers in a child process, and what they do before they end.

const { runChild } = require('./child.js');
const { faultless } = require('./things.js');

/** What workers do: small and large things, bound arguments, parents and children; all kept. */
const fill = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { POINTER, SIZE, stats, track } = require('./lib');
  const things = require('./test/support/things.js');
  const canBind = require('./lib/binding').canBind;
  const sized = canBind ? { address: things.FREE_SIZED, args: [POINTER, SIZE] } : things.FREE;
  const kept = (globalThis.kept = []);
  const make = (size, free, parent) => {
    const address = parent === undefined ? things.make(size) : things.makeChild(parent.address, size);
    const pointer = track(address, { size, free, parent });
    kept.push(pointer);
    return pointer;
  };
  for (let i = 0; i < 50; i++) {
    const parent = make(100, things.FREE);
    const child = make(200, sized, parent);
    make(100_000, things.FREE, child);
    make(10, things.FREE);
    if (i % 5 === 0) parent.dispose();
  }
  for (let i = 0; i < 10; i++) make(10, things.FREE); // not yet in the books
`;
const FILLED = 210;

const run = (worker, main) => `
  const { once } = require('node:events');
  const { Worker } = require('node:worker_threads');
  const { stats } = require('./lib');
  const things = require('./test/support/things.js');
  const code = ${JSON.stringify(worker)};
  const start = (workerData) => {
    const worker = new Worker(code, { eval: true, workerData });
    worker.ended = new Promise((resolve) => worker.on('exit', resolve));
    worker.on('error', (error) => (worker.failure = error.message));
    return worker;
  };
  (async () => { ${main} })().then((result) => {
    const { bytes, pointers } = stats();
    console.log(JSON.stringify({ result, bytes, pointers, ...things.counters() }));
  });
`;

async function ended(worker, main, expected, options) {
  const child = await runChild(run(worker, main), options);
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  const found = JSON.parse(child.stdout);
  expect(found).toMatchObject({ bytes: 0, pointers: 0, ...faultless, ...expected });
  return found;
}

module.exports = { FILLED, ended, fill };
