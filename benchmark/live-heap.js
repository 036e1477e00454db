'use strict';

const v8 = require('node:v8');

/** JavaScript objects that take that many bytes of heap, in arrays of a thousand. */
module.exports = function liveHeap(bytes) {
  const start = v8.getHeapStatistics().used_heap_size;
  const heap = [];
  while (v8.getHeapStatistics().used_heap_size - start < bytes) {
    for (let i = 0; i < 100; i++) {
      heap.push(Array.from({ length: 1000 }, (_, index) => ({ index, next: null, text: `${index}` })));
    }
  }
  return heap;
};
