'use strict';
// A document that goes from thread to thread is counted once, wherever it is.

const assert = require('node:assert');
const { once } = require('node:events');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { collect, configure, handOver, meteredAllocator, stats, takeOver } = require('../../../../lib');

function serve() {
  const kept = [];
  const does = {
    take: (token) => void kept.push(takeOver(token)),
    dispose: () => kept.pop().dispose(),
    drop: () => void (kept.length = 0),
    collect: () => void collect(),
    back: () => handOver(kept.pop()),
    exit: () => process.exit(),
  };
  parentPort.on('message', ([what, token]) => parentPort.postMessage(does[what](token)));
}

function start() {
  const worker = new Worker(__filename);
  const ask = async (...message) => {
    worker.postMessage(message);
    return (await once(worker, 'message'))[0];
  };
  return { worker, ask };
}

async function main() {
  const { hook, koffi, live, reader } = require('./libxml2.js');
  hook(meteredAllocator({ label: 'libxml2' }));
  koffi.owned('Document', 'xmlDoc *', { free: 'xmlFreeDoc', size: 'metered' });
  const create = reader('Document');
  create().dispose();
  const rest = live();
  // What is where: in this thread's books, in all of them, on the way, and for the meter.
  const where = () => {
    const { bytes, outside } = stats();
    const all = stats({ scope: 'process' });
    assert.strictEqual(all.bytes + all.inTransit.bytes + all.outside, live());
    assert.strictEqual(outside, rest);
    return [bytes, all.bytes, all.inTransit.bytes];
  };

  const { worker, ask } = start();
  const document = create();
  let { size } = document; // the next one's may be others: the allocator may give a little more
  assert(size > 400_000);
  assert.deepStrictEqual(where(), [size, size, 0]);
  let token = handOver(document);
  assert.deepStrictEqual(where(), [0, 0, size]);
  const other = create();
  assert.deepStrictEqual(where(), [other.size, other.size, size]);
  other.dispose();
  await ask('take', token);
  assert.deepStrictEqual(where(), [0, size, 0]);
  token = await ask('back');
  assert.deepStrictEqual(where(), [0, 0, size]);
  const back = takeOver(token);
  assert.deepStrictEqual(where(), [size, size, 0]);
  await ask('take', handOver(back));
  await ask('dispose');
  assert.deepStrictEqual(where(), [0, 0, 0]);

  token = handOver(create());
  await ask('take', token);
  assert.deepStrictEqual(where(), [0, token.size, 0]);
  await ask('drop');
  await ask('collect');
  assert.deepStrictEqual(where(), [0, 0, 0]);

  await ask('take', handOver(create()));
  worker.postMessage(['exit']);
  await once(worker, 'exit');
  assert.deepStrictEqual(where(), [0, 0, 0]);

  const last = start();
  await last.ask('take', handOver(create()));
  token = await last.ask('back');
  ({ size } = token);
  last.worker.postMessage(['exit']);
  await once(last.worker, 'exit');
  assert.deepStrictEqual(where(), [0, 0, size]);
  takeOver(token).dispose();
  assert.deepStrictEqual(where(), [0, 0, 0]);
  ({ size } = handOver(create()));
  assert.deepStrictEqual(where(), [0, 0, size]);
  configure({ atExit: 'free' });
  process.exit();
}

if (isMainThread) main();
else serve();
