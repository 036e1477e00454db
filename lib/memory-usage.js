'use strict';

const binding = require('./binding');
const nursery = require('./nursery');

/** process.memoryUsage() and what it leaves out. */
function memoryUsage() {
  nursery.flush();
  const usage = process.memoryUsage();
  const { bytes, manual, reported } = binding.stats();
  const allocator = binding.allocatorBytes();
  return {
    ...usage,
    tracked: bytes + manual,
    reported,
    counter: binding.counter(),
    allocator,
    untracked: allocator === undefined ? undefined : Math.max(allocator.inUse - bytes - manual, 0),
  };
}

module.exports = { memoryUsage };
