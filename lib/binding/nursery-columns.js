'use strict';
// The layout of native/env/nursery.h.

const HEAD = 16;
const ENTRY = 24; // bytes in all columns

/** The size of the buffer that holds the columns. */
const bytesFor = (capacity) => HEAD + ENTRY * capacity;

/** The columns in `buffer`, as arrays of `capacity` entries. */
function columnsOf(buffer, capacity) {
  return {
    counter: new Uint32Array(buffer, 0, 4),
    addresses: new BigUint64Array(buffer, HEAD, capacity),
    sizes: new Float64Array(buffer, HEAD + 8 * capacity, capacity),
    kinds: new Uint32Array(buffer, HEAD + 16 * capacity, capacity),
    slots: new Uint32Array(buffer, HEAD + 20 * capacity, capacity),
  };
}

module.exports = { bytesFor, columnsOf };
