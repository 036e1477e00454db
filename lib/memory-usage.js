'use strict';

const v8 = require('node:v8');
const binding = require('./binding');
const nursery = require('./nursery');

const within = (value, most) => Math.max(0, Math.min(value, most));

/** rss as a sum: what each part is and where it comes from, types/index.d.ts says. */
function termsOf(usage, memory, allocator) {
  const statistics = v8.getHeapStatistics();
  const heap = (statistics.total_physical_size || usage.heapTotal) + (statistics.malloced_memory ?? 0);
  const tracked = memory.everywhere;
  // SharedArrayBuffers are in arrayBuffers alone, WebAssembly and strings in the counter alone.
  const buffers = Math.max(memory.counter - memory.reported - memory.viewed, usage.arrayBuffers ?? 0);
  let untracked;
  let fragmentation;
  if (allocator !== undefined) {
    const { inUse, held } = allocator;
    const accounted = tracked - memory.mapped + buffers + (statistics.malloced_memory ?? 0);
    untracked = Math.max(inUse - accounted, 0);
    // Free bytes that were given back to the kernel stay in `held`: there is no more than else is resident.
    const resident = usage.rss - (memory.file ?? 0) - heap - memory.mapped - inUse;
    fragmentation = within(held, resident);
  }
  const known = heap + tracked + buffers + (untracked ?? 0) + (fragmentation ?? 0);
  return { heap, tracked, buffers, untracked, fragmentation, rest: usage.rss - known };
}

/** process.memoryUsage() and what it leaves out. */
function memoryUsage() {
  nursery.flush();
  const usage = process.memoryUsage();
  const memory = binding.memory();
  const allocator = binding.allocatorBytes();
  const terms = termsOf(usage, memory, allocator);
  return {
    ...usage,
    tracked: memory.tracked,
    reported: memory.reported,
    counter: memory.counter,
    allocator,
    untracked: terms.untracked,
    terms,
  };
}

module.exports = { memoryUsage };
