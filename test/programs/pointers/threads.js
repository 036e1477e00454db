'use strict';
// For programs that hand pointers from thread to thread. The main thread has finish(), which prints what is left.

const { once } = require('node:events');
const { MessageChannel, Worker } = require('node:worker_threads');
const { collect, handOver, stats, takeOver, track } = require('../../../lib');
const things = require('../../support/things.js');

/** What `attempt` returns, or the code of its error. */
function codeOf(attempt) {
  try {
    return attempt();
  } catch (error) {
    return error.code;
  }
}

/** A worker that runs `code`. */
function start(code) {
  const worker = new Worker(code, { eval: true });
  worker.ended = once(worker, 'exit');
  return worker;
}

async function finish(main) {
  const result = await main();
  const { bytes, pointers, reported } = stats();
  const { inTransit } = stats({ scope: 'process' });
  console.log(JSON.stringify({ result, bytes, pointers, reported, inTransit, ...things.counters() }));
}

module.exports = {
  ...{ MessageChannel, once, start, finish, codeOf },
  ...{ collect, handOver, stats, takeOver, things, track },
  make: (size = 100) => track(things.make(size), { size, free: things.FREE, label: 'thing' }),
  attempt: (token) => codeOf(() => takeOver(token)),
};
