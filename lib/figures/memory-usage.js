'use strict';

const v8 = require('node:v8');
const binding = require('../binding');
const { nursery } = require('../books/nursery');
const { readUnowned } = require('../books/unowned');
const { termsOf } = require('./rss-breakdown');

/** process.memoryUsage() and what it leaves out. */
function memoryUsage() {
  nursery.flush();
  readUnowned();
  const usage = process.memoryUsage();
  const memory = binding.memory();
  const allocator = binding.allocatorBytes();
  const terms = termsOf(usage, v8.getHeapStatistics(), memory, allocator);
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
