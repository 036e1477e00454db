'use strict';
// Koffi, freed by hand in batches: the allocator sees what it sees under a garbage collector that runs whenever
// that many bytes are dead, and nothing is spent on finding out which are. As with ffi-tally, the batch is freed
// when the next pointer has just been made.

const open = require('./plain');

const BATCH = 48 * 1024 * 1024;

module.exports = {
  title: 'raw Koffi, freed by hand, 48 MiB at a time',
  create(resource) {
    const { make, free, sizeOf, func } = open(resource);
    let dead = [];
    let bytes = 0;
    return {
      make(argument) {
        const pointer = make(argument);
        if (bytes >= BATCH) {
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
  },
};
