'use strict';
// For programs that call the functions of a metered allocator themselves.

const assert = require('node:assert');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const koffi = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');

koffi.load(null); // without a library, Koffi 3.3 crashes in koffi.call() in a worker
const Malloc = koffi.proto('void *metered_malloc(size_t bytes)');
const Free = koffi.proto('void metered_free(void *block)');

const pointer = (address) =>
  koffi.type === undefined ? koffi.decode(new BigUint64Array([address]), 'void *') : address;

/** What the malloc() at `address` returns, as a bigint. */
function malloc(address, bytes) {
  const block = koffi.call(pointer(address), Malloc, bytes);
  return typeof block === 'bigint' ? block : koffi.address(block);
}

const free = (address, block) => koffi.call(pointer(address), Free, pointer(block));

/** A worker that frees these blocks, allocates that many, and ends. Resolves to { blocks, malloc, free }. */
async function start(blocks, count) {
  const worker = new Worker(require.resolve('./meter-worker.js'), { workerData: { blocks, count } });
  // Both from the start: the end of a worker may be told in the same breath as its last message.
  const [[answer]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
  return answer;
}

module.exports = { assert, free, malloc, once, start };
