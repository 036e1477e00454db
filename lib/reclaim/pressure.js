'use strict';
// What happens when a pointer would pass the limit.

const binding = require('../binding');
const calls = require('../books/c-calls');
const { nursery } = require('../books/nursery');
const { Gate } = require('../support/stack');
const { collectNow } = require('./reclaim');

const { LIMIT, LIVE } = binding.protocol.figure;

// Set by configure(): asked to let go of something, when a collection was not enough.
const pressure = { handler: null };
// What the handler tracks itself is refused without asking it.
const gate = new Gate();

/** Makes room for a pointer that would pass the limit. Returns whether it is worth another try. */
function makeRoom(size) {
  nursery.flush(); // theirs is room too
  if (!calls.isIdle) return false;
  collectNow('major');
  const bytes = binding.figure(LIVE);
  const limit = binding.figure(LIMIT);
  const { handler } = pressure;
  if (handler !== null && bytes + size > limit && gate.isOpen) {
    gate.recover(); // should the handler be cut off
    gate.run(handler, { bytes, limit, size });
    collectNow('major'); // what it has let go of, such as the entries of a cache, is garbage until then
  }
  return true;
}

module.exports = { makeRoom, pressure };
