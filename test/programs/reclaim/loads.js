'use strict';
// A load for a memory cgroup: `node loads.js LOAD SIZES WORKERS`. Each thread runs it. Prints JSON: the errors of all threads,
// and the part of their time that V8 was collecting.

const { PerformanceObserver, performance } = require('node:perf_hooks');
const { setImmediate: turn } = require('node:timers/promises');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const koffi = require('../../../lib/ffi/koffi');

const MIB = 2 ** 20;
const [load, sizes, workers] = isMainThread ? process.argv.slice(2) : workerData;
const bytes = { images: 8 * MIB, service: MIB, small: 65536, live: 8 * MIB }[load];
const said = { right: bytes, zero: 0, small: Math.round(bytes / 1e4) }[sizes]; // or none
koffi.owned('Block', 'void *', { free: 'free', ...(said === undefined ? {} : { size: said }) });
const libc = koffi.load('libc.so.6');
const malloc = libc.func('Block malloc(size_t size)');
const memset = libc.func('void *memset(void *block, int value, size_t size)');

function make() {
  const block = malloc(bytes);
  memset(block, 1, bytes);
  return block;
}

/** Makes `count` blocks, of which the last `kept` are alive. */
async function churn(count, kept, inTurns) {
  const alive = [];
  for (let i = 0; i < count; i++) {
    alive.push(make());
    if (alive.length > kept) {
      const gone = alive.shift();
      if (sizes === 'disposed') gone.dispose();
    }
    if (i % inTurns === 0) await turn();
  }
}

const LOADS = {
  images: () => churn(100, 2, Infinity),
  small: () => churn(12800, 200, Infinity),
  service: () => churn(800, 10, 5),
  live: () => churn(1000, 1000, Infinity),
};

async function run() {
  let collecting = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) collecting += duration;
  });
  observer.observe({ entryTypes: ['gc'] });
  const start = performance.now();
  let error = null;
  try {
    await LOADS[load]();
  } catch (caught) {
    error = caught.code ?? caught.message;
  }
  const time = performance.now() - start;
  await turn();
  await turn();
  observer.disconnect();
  return { error, collecting, time };
}

/** The result of a worker, which has one at its end. */
function inWorker() {
  return new Promise((resolve) => {
    const worker = new Worker(__filename, { workerData: [load, sizes, 0] });
    worker.on('message', resolve);
    worker.on('error', (error) => resolve({ error: error.code ?? error.message, collecting: 0, time: 0 }));
  });
}

async function main() {
  if (!isMainThread) return parentPort.postMessage(await run());
  const others = Array.from({ length: Number(workers) }, inWorker);
  const results = [await run(), ...(await Promise.all(others))];
  const sum = (name) => results.reduce((all, each) => all + each[name], 0);
  const errors = results.map(({ error }) => error).filter((error) => error !== null);
  console.log(JSON.stringify({ errors, share: sum('collecting') / sum('time') }));
}

main();
