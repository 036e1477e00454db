'use strict';
// Random operations on pointers that go from worker to worker, in a process whose main thread has never loaded the library:
// when the last worker has ended, nobody has, and the pointers are still on their way. The referee is the judge.
//   node test/support/transit-model.js [STEPS] [SEED]      STEPS: 300

const assert = require('node:assert/strict');
const { randomInt } = require('node:crypto');
const { once } = require('node:events');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { randomFrom } = require('./random.js');
const things = require('./things.js');

const WORKER = path.join(__dirname, 'model/worker.js');
const WORKERS = 3;

const steps = Number(process.argv[2] ?? 300);
const seed = Number(process.argv[3] ?? randomInt(2 ** 31));
const below = randomFrom(seed);

const tokens = []; // { token, size }
const workers = []; // { thread, kept }: the sizes of what it keeps
const done = { made: 0, ended: 0, alone: 0 };

function start() {
  const worker = { thread: new Worker(WORKER), kept: [] };
  workers.push(worker);
  return worker;
}

/** Some worker, perhaps a new one. */
function any() {
  return workers.length < WORKERS && below(6) === 0 ? start() : (workers[below(workers.length)] ?? start());
}

async function ask({ thread }, how, given) {
  thread.postMessage({ how, given });
  const [answer] = await once(thread, 'message');
  return answer;
}

async function end(worker, how) {
  workers.splice(workers.indexOf(worker), 1);
  const ended = once(worker.thread, 'exit');
  if (how === 'exit') worker.thread.postMessage({ how });
  else worker.thread.terminate();
  await ended;
  done.ended++;
  if (workers.length === 0 && tokens.length > 0) done.alone++;
}

const takeToken = () => tokens.splice(below(tokens.length), 1)[0];

const operations = {
  async make() {
    const size = 1 + below(5000);
    const { token } = await ask(any(), 'make', size);
    tokens.push({ token, size });
    done.made++;
  },
  async pass() {
    if (tokens.length === 0) return;
    const { token, size } = takeToken();
    tokens.push({ token: await ask(any(), 'hand back', token), size });
  },
  async free() {
    if (tokens.length > 0) await ask(any(), below(2) === 0 ? 'dispose' : 'drop', takeToken().token);
  },
  async keep() {
    if (tokens.length === 0) return;
    const worker = any();
    const { token, size } = takeToken();
    await ask(worker, 'keep', token);
    worker.kept.push(size);
  },
  async endOne() {
    if (workers.length > 0 && below(4) === 0)
      await end(workers[below(workers.length)], below(2) === 0 ? 'exit' : 'terminate');
  },
  async endAll() {
    if (below(10) === 0) while (workers.length > 0) await end(workers[0], 'exit');
  },
};

function check() {
  const sizes = [...tokens.map(({ size }) => size), ...workers.flatMap(({ kept }) => kept)];
  const { live, live_bytes: bytes, ...others } = things.counters();
  assert.deepEqual([live, bytes], [sizes.length, sizes.reduce((sum, size) => sum + size, 0)]);
  for (const name of Object.keys(things.faultless)) assert.equal(others[name], 0, name);
}

async function main() {
  things.reset();
  const all = Object.values(operations);
  for (let i = 0; i < steps; i++) {
    await all[below(all.length)]();
    check();
  }
  while (tokens.length > 0) await ask(any(), 'dispose', tokens.pop().token);
  while (workers.length > 0) await end(workers[0], 'exit');
  check();
  const lib = path.join(__dirname, '../../lib', path.sep);
  assert.deepEqual(
    Object.keys(require.cache).filter((file) => file.startsWith(lib)),
    [],
  );
  console.log(JSON.stringify({ seed, steps, ...done }));
}

main().catch((error) => {
  console.error(`seed ${seed}`, error);
  process.exit(1);
});
