'use strict';
// node exact-workers.js COUNT: as many workers at once use a metered library, with objects that live, that are dropped and
// that are disposed of, and end in every way. Then every figure is what it was.

const assert = require('node:assert');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const binding = require('../../../../lib/binding');
const { collect, stats, withOwnership } = require('../../../../lib');
const koffi = withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi'));
const { counting } = require('../../../support/build.js')();

const ENDS = {
  returns() {},
  exits: () => process.exit(0),
  throws() {
    throw new Error('mine');
  },
  'is terminated': () => setInterval(() => {}, 1000),
};

koffi.opaque('Thing');
koffi.owned('Owned', 'Thing *', { free: 'thing_free' });
const lib = koffi.load(counting);
const make = lib.func('Owned thing_new(size_t bytes)');
const enlarge = lib.func('void thing_enlarge(Thing *thing, size_t bytes)');

function work(how) {
  globalThis.kept = Array.from({ length: 100 }, (_, i) => {
    const thing = make(1000 + i);
    enlarge(thing, 2000);
    make(5000).dispose();
    make(7000);
    return thing;
  });
  for (const { size } of globalThis.kept) assert(size >= 3000);
  parentPort.postMessage('done');
  ENDS[how]();
}

async function main(count) {
  make(1).dispose(); // and what the library keeps for itself
  collect();
  const before = binding.countedTotals();
  const names = Object.keys(ENDS);
  const ended = Array.from({ length: count }, (_, i) => {
    const how = names[i % names.length];
    const worker = new Worker(__filename, { workerData: how, stderr: true });
    return new Promise((resolve) => {
      worker.on('error', ({ message }) => assert.strictEqual(message, 'mine'));
      worker.on('message', () => how === 'is terminated' && worker.terminate());
      worker.on('exit', (code) =>
        resolve(assert.strictEqual(code === 0, how === 'returns' || how === 'exits', how)),
      );
    });
  });
  await Promise.all(ended);
  assert.deepStrictEqual(binding.countedTotals(), before);
  const { bytes, pointers } = stats({ scope: 'process' });
  assert.deepStrictEqual({ bytes, pointers }, { bytes: 0, pointers: 0 });
}

if (isMainThread) {
  main(Number(process.argv[2]));
} else {
  work(workerData);
}
