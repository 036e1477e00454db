'use strict';
// What happens when a pointer would pass the limit.

const { performance } = require('node:perf_hooks');
const binding = require('../binding');
const calls = require('../books/c-calls');
const { nursery } = require('../books/nursery');
const { Gate } = require('../support/stack');
const gc = require('./gc');
const { collectNow } = require('./reclaim');

const { LIMIT, LIVE, TRACKED } = binding.protocol.figure;

// Set by configure(): asked to let go of something, when a collection was not enough.
const pressure = { handler: null };
// What the handler tracks itself is refused without asking it.
const gate = new Gate();

const hasRoomFor = (size) => binding.figure(LIVE) + size <= binding.figure(LIMIT);

// Major collections that return less than that part of the limit are futile. They may take a tenth of the time, and what
// of it was saved up: however often pointers are refused, the program goes on.
const FUTILE = 1 / 8;
const TENTH = 1 / 10;
const MOST_SAVED = 100; // milliseconds

class Collections {
  #saved = 0;
  #savedAt = 0;
  #trackedBefore = -1; // pointers ever, when a minor collection made no room

  #save() {
    const now = performance.now();
    this.#saved = Math.min(this.#saved + (now - this.#savedAt) * TENTH, MOST_SAVED);
    this.#savedAt = now;
  }

  /** Returns whether a minor collection has made room. Where nothing was tracked since the last, nothing died young. */
  minor(size) {
    const tracked = binding.figure(TRACKED);
    if (!gc.canCollect() || tracked === this.#trackedBefore) return false;
    collectNow('minor');
    if (hasRoomFor(size)) return true;
    this.#trackedBefore = tracked;
    return false;
  }

  /** The same of a major one. */
  major(size) {
    this.#save();
    if (this.#saved <= 0) return hasRoomFor(size);
    const before = binding.figure(LIVE);
    const start = performance.now();
    collectNow('major');
    const returned = before - binding.figure(LIVE);
    if (returned < binding.figure(LIMIT) * FUTILE) this.#saved -= performance.now() - start;
    return hasRoomFor(size);
  }
}

const collections = new Collections();
// What the handler lets go of, such as the entries of a cache, is garbage until then.
const afterHandler = new Collections();

/** Makes room for a pointer that would pass the limit. Returns whether there is. */
function makeRoom(size) {
  nursery.flush(); // theirs is room too
  if (!calls.isIdle) return hasRoomFor(size);
  if (hasRoomFor(size) || collections.minor(size) || collections.major(size)) return true;
  const { handler } = pressure;
  if (handler === null || !gate.isOpen) return false;
  gate.recover(); // should the handler be cut off
  gate.run(handler, { bytes: binding.figure(LIVE), limit: binding.figure(LIMIT), size });
  return hasRoomFor(size) || afterHandler.major(size);
}

module.exports = { makeRoom, pressure };
