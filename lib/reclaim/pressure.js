'use strict';
// What happens when a pointer would pass the limit.

const binding = require('../binding');
const calls = require('../books/c-calls');
const nursery = require('../books/nursery');
const { Gate } = require('../support/stack');
const gc = require('./gc');
const { collectMajor, reclaim } = require('./reclaim');

const MAJOR = 2;

// Set by configure(): asked to let go of something, when a collection was not enough.
const pressure = { handler: null };
// What the handler tracks itself is refused without asking it.
const gate = new Gate();

function reclaimAll() {
  if (gc.canCollect()) collectMajor();
  reclaim(gc.canCollect() ? MAJOR : 0);
}

/** Makes room for a pointer that would pass the limit. Returns whether it is worth another try. */
function makeRoom(size) {
  nursery.flush(); // theirs is room too
  if (calls.depth !== 0) return false;
  reclaimAll();
  const { bytes, manual, outside, limit } = binding.stats();
  const { handler } = pressure;
  const live = bytes + manual + outside;
  if (handler !== null && live + size > limit && gate.isOpen) {
    gate.recover(); // should the handler be cut off
    gate.run(handler, { bytes: live, limit, size });
    reclaimAll(); // what it has let go of, such as the entries of a cache, is garbage until then
  }
  return true;
}

module.exports = { makeRoom, pressure };
