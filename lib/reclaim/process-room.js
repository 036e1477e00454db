'use strict';
// What happens when the process is about to pass its limit: collections, trim(), onPressure, and a while for the other
// threads, whose memory only they can free.

const binding = require('../binding');
const calls = require('../books/c-calls');
const { nursery } = require('../books/nursery');
const clock = require('../support/clock');
const { drainSlice } = require('./destroy');
const gc = require('./gc');
const { pressure } = require('./pressure');
const { collectNow } = require('./reclaim');

// Half a second for the others. By turns and not by the clock: on a busy machine they need as much longer as this thread.
const NAPS = 100;
const NAP = 5; // milliseconds
// One full attempt in that time, unless memory has gone meanwhile: where nothing helps, the program goes on.
const RETRY = 1000;
const LESS = 1024 * 1024;

class ProcessRoom {
  #refusedUntil = -Infinity;
  #refusedAt = 0; // usage then

  /** Makes room for a pointer of that size. Returns whether there is. */
  make(size) {
    nursery.flush();
    if (!calls.isIdle) return binding.processAdmits(size, true);
    if (clock.now() < this.#refusedUntil && binding.processMemory().usage > this.#refusedAt - LESS) {
      return binding.processAdmits(size, true);
    }
    if (this.#attempt(size)) return true;
    this.#refusedUntil = clock.now() + RETRY;
    this.#refusedAt = binding.processMemory().usage;
    return binding.processAdmits(size, true);
  }

  #attempt(size) {
    const admits = () => binding.processAdmits(size, false);
    if (this.#collect('minor') !== undefined && admits()) return true;
    let ended; // by the last collection: what only those have kept alive, the next may find
    let isAsked = false;
    for (let naps = 0; ; naps++) {
      if (ended !== 0) ended = this.#collect('major');
      if (ended !== undefined && admits()) return true;
      if (!isAsked) {
        isAsked = true;
        if (this.#ask(size)) {
          ended = this.#collect('major');
          if (ended !== undefined && admits()) return true;
        }
      }
      if (ended !== undefined && binding.processMemory().threads < 2) return false; // nobody else could help
      if (!gc.canCollect() || naps === NAPS) return false;
      binding.ringOthers();
      binding.sleep(NAP); // in which others free, or there comes time for a collection
      binding.trimForAll(false);
      if (admits()) return true;
    }
  }

  /** Collects, within a quarter of the time. Returns how many pointers have ended; undefined if it may not. */
  #collect(type) {
    if (!gc.canCollect() || !binding.mayCollect()) return undefined;
    const before = binding.pointers();
    const start = binding.threadCpuTime();
    collectNow(type);
    while (binding.awaitBackground()) drainSlice();
    binding.spendOnCollections(binding.threadCpuTime() - start);
    binding.trimForAll(true);
    return before - binding.pointers();
  }

  #ask(size) {
    const { usage, limit } = binding.processMemory();
    return pressure.ask({ bytes: usage, limit, size });
  }
}

const processRoom = new ProcessRoom();

module.exports = { processRoom };
