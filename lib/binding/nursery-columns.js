'use strict';
// The layout of native/env/nursery.h. Behind the entries is one for the pointer in hand.

const HEAD = 32;
const ENTRY = 24; // bytes in all columns

/** The size of the buffer that holds the columns. */
const bytesFor = (capacity) => HEAD + ENTRY * (capacity + 1);

/** The columns in `buffer`, as arrays. */
function columnsOf(buffer, capacity) {
  const entries = capacity + 1;
  return {
    counter: new Uint32Array(buffer, 0, 8),
    addresses: new BigUint64Array(buffer, HEAD, entries),
    sizes: new Float64Array(buffer, HEAD + 8 * entries, entries),
    kinds: new Uint32Array(buffer, HEAD + 16 * entries, entries),
    slots: new Uint32Array(buffer, HEAD + 20 * entries, entries),
  };
}

module.exports = { bytesFor, columnsOf };
