'use strict';
// The main thread and ten workers take over the same tokens at the same moment.
//   node test/programs/pointers/race.js TOKENS

const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { attempt, codeOf, finish, handOver, make, once, takeOver } = require('./threads.js');

const WORKERS = 10;

/** Returns when all threads have called it. */
function meet(gate) {
  const waiting = new Int32Array(gate);
  if (Atomics.sub(waiting, 0, 1) === 1) Atomics.notify(waiting, 0);
  for (let left; (left = Atomics.load(waiting, 0)) > 0;) Atomics.wait(waiting, 0, left);
}

function serve() {
  parentPort.once('message', ({ tokens, gate }) => {
    meet(gate);
    globalThis.kept = tokens.map(attempt);
    const taken = globalThis.kept.filter((it) => typeof it === 'object').length;
    const refused = globalThis.kept.filter((it) => it === 'ERR_TALLY_TAKEN_OVER').length;
    parentPort.postMessage({ taken, refused });
  });
}

async function main() {
  const tokens = Array.from({ length: Number(process.argv[2]) }, () => handOver(make()));
  const gate = new SharedArrayBuffer(4);
  new Int32Array(gate)[0] = WORKERS + 1;
  const workers = Array.from({ length: WORKERS }, () => new Worker(__filename));
  const ended = workers.map((worker) => once(worker, 'exit'));
  const answers = workers.map((worker) => once(worker, 'message'));
  for (const worker of workers) worker.postMessage({ tokens, gate });
  meet(gate);
  const sum = { taken: 0, refused: 0 };
  for (const token of tokens.reverse()) {
    const code = codeOf(() => takeOver(token).dispose());
    if (code === undefined) sum.taken++;
    if (code === 'ERR_TALLY_TAKEN_OVER') sum.refused++;
  }
  for (const [{ taken, refused }] of await Promise.all(answers)) {
    sum.taken += taken;
    sum.refused += refused;
  }
  await Promise.all(ended);
  return sum;
}

if (isMainThread) finish(main);
else serve();
