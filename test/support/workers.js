'use strict';
/* global expect */
// Workers in a child process, and what they do before they end.

const { runChild } = require('./child.js');
const { faultless } = require('./things.js');

/** What workers do: test/programs/workers/fill.js. */
const fill = `
  const { kept, make, parentPort, sized, stats, things, track, workerData } =
    require('./test/programs/workers/fill.js');
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
