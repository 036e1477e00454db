'use strict';
// The numbers of this backend, by the names that native/napi/protocol.cc has for its own.

const { freeze } = Object;

module.exports = freeze({
  drained: freeze({ DONE: -1, MORE: -2 }),
  disposed: freeze({ DONE: 0, MORE: 1, HELD: 2 }),
  advice: freeze({ MINOR: 1, MAJOR: 2, SWEEP: 4, FOR_ALL: 8 }),
  refusal: freeze({ NONE: 0, NO_MEMORY: 1, TOO_MUCH: 2, OVER_LIMIT: 3, STOPPED: 4, PROCESS_FULL: 5 }),
  nursery: freeze({
    CAPACITY: 256,
    SMALLEST_BATCH: 8,
    LARGEST_BATCH: 256,
    WAITING: 0xfffffffe,
    GIVEN: 0xfffffffd,
    NO_SLOT: 0xffffffff,
  }),
  form: freeze({ NONE: 0, JAVASCRIPT: 1, DIRECT: 2, BOUND: 3 }),
  handedOver: freeze({ YES: 0, NO_MEMORY: 1, VIEWED: 2 }),
  taken: freeze({ YES: 0, GONE: 1, TOO_MUCH: 2, NO_MEMORY: 3 }),
  reported: freeze({ BELOW_ZERO: -1, TOO_MUCH: -2 }),
  threadBlock: freeze({
    MARK: 0,
    NET: 1,
    OTHERS: 2,
    STALE: 3,
    MAKER: 4,
    BALANCE: 5,
    BLOCKS: 6,
    MOVED: 7,
    SAMPLES: 8,
    LOST: 11,
    THREADS: 12,
    CALL: 13,
    ARGUMENTS: 14,
    ARGUMENT: 15,
    MOST_ARGUMENTS: 6,
    MOST_REMEMBERED: 64,
    MOST_CHANGES: 65536,
  }),
  patched: freeze({ YES: 0, NO_MEMORY: 1, NOT_LOADED: 2, SANITIZED: 3, FOREIGN: 4, EXPORTED: 5 }),
});
