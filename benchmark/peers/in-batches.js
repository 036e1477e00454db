'use strict';
// The shape of the peers that free by hand in batches: as with ffi-tally, a batch is freed when the next pointer
// has just been made.

const open = require('./plain');

const BATCH = 48 * 1024 * 1024;

/** `before` runs before each batch is freed. */
module.exports = function inBatches(before) {
  return (resource) => {
    const { make, free, sizeOf, func } = open(resource);
    let dead = [];
    let bytes = 0;
    return {
      make(argument) {
        const pointer = make(argument);
        if (bytes >= BATCH) {
          before();
          for (const each of dead) free(each);
          dead = [];
          bytes = 0;
        }
        bytes += sizeOf(pointer, argument);
        return pointer;
      },
      end(pointer) {
        dead.push(pointer);
      },
      pass: (pointer) => pointer,
      func,
    };
  };
};
