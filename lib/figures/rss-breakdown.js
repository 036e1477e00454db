'use strict';

/** The terms of the sum, in the words that people see. */
const TERMS = Object.freeze({
  heap: 'JavaScript heap',
  buffers: 'Buffers',
  tracked: 'tracked',
  untracked: 'untracked native',
  fragmentation: 'held free by malloc',
  rest: 'code, stacks, other',
});

const within = (value, most) => Math.max(0, Math.min(value, most));

/**
 * rss as a sum: what each part is and where it comes from, types/index.d.ts says. `usage`, `statistics`, `memory` and
 * `allocator` are what process.memoryUsage(), v8.getHeapStatistics() and the native part tell.
 */
function termsOf(usage, statistics, memory, allocator) {
  const heap = (statistics.total_physical_size || usage.heapTotal) + (statistics.malloced_memory ?? 0);
  const tracked = memory.everywhere;
  // SharedArrayBuffers are in arrayBuffers alone, WebAssembly and strings in the counter alone.
  const buffers = Math.max(memory.counter - memory.reported - memory.viewed, usage.arrayBuffers ?? 0);
  let untracked;
  let fragmentation;
  if (allocator !== undefined) {
    const { inUse, held } = allocator;
    const accounted = tracked - memory.mapped + buffers + (statistics.malloced_memory ?? 0) + memory.tables;
    untracked = Math.max(inUse - accounted, 0);
    // Free bytes that were given back to the kernel stay in `held`: there is no more than else is resident.
    const resident = usage.rss - (memory.file ?? 0) - heap - memory.mapped - inUse;
    fragmentation = within(held, resident);
  }
  const known = heap + tracked + buffers + (untracked ?? 0) + (fragmentation ?? 0);
  return { heap, tracked, buffers, untracked, fragmentation, rest: usage.rss - known };
}

module.exports = { TERMS, termsOf };
