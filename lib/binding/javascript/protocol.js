'use strict';
// The numbers of this backend, by the names that native/napi/protocol.cc has for its own.

const { freeze } = Object;

module.exports = freeze({
  drained: freeze({ DONE: -1, MORE: -2 }),
  advice: freeze({ MINOR: 1, MAJOR: 2, SWEEP: 4 }),
  refusal: freeze({ NONE: 0, NO_MEMORY: 1, TOO_MUCH: 2, OVER_LIMIT: 3, STOPPED: 4 }),
  nursery: freeze({
    CAPACITY: 256,
    SMALLEST_BATCH: 8,
    WAITING: 0xfffffffe,
    GIVEN: 0xfffffffd,
    NO_SLOT: 0xffffffff,
  }),
  form: freeze({ NONE: 0, JAVASCRIPT: 1, DIRECT: 2, BOUND: 3 }),
  handedOver: freeze({ YES: 0, NO_MEMORY: 1, VIEWED: 2 }),
  taken: freeze({ YES: 0, GONE: 1, TOO_MUCH: 2, NO_MEMORY: 3 }),
  reported: freeze({ BELOW_ZERO: -1, TOO_MUCH: -2 }),
  figure: freeze({ BYTES: 0, POINTERS: 1, DEAD_BYTES: 2, DEAD_POINTERS: 3, LIVE: 4, LIMIT: 5, TRACKED: 6 }),
});
