'use strict';
// What happens when the process is about to pass its limit: collections, trim(), onPressure, and a while for the other
// threads, whose memory only they can free.

const { performance } = require('node:perf_hooks');
const binding = require('../binding');
const calls = require('../books/c-calls');
const { nursery } = require('../books/nursery');
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
    if (performance.now() < this.#refusedUntil && binding.processMemory().usage > this.#refusedAt - LESS) {
      return binding.processAdmits(size, true);
    }
    if (this.#attempt(size)) return true;
    this.#refusedUntil = performance.now() + RETRY;
    this.#refusedAt = binding.processMemory().usage;
    return binding.processAdmits(size, true);
  }

  #attempt(size) {
    const admits = () => binding.processAdmits(size, false);
    if (this.#collect('minor') && admits()) return true;
    let isAsked = false;
    for (let naps = 0; ; naps++) {
      const hasCollected = this.#collect('major');
      if (hasCollected && admits()) return true;
      if (!isAsked) {
        isAsked = true;
        if (this.#ask(size) && this.#collect('major') && admits()) return true;
      }
      if (hasCollected && binding.processMemory().threads < 2) return false; // nobody else could help
      if (!gc.canCollect() || naps === NAPS) return false;
      binding.ringOthers();
      binding.sleep(NAP); // in which others free, or there is time for another collection
      if (admits()) return true;
    }
  }

  /** Collects, within a quarter of the time. Returns whether it did. */
  #collect(type) {
    if (!gc.canCollect() || !binding.mayCollect()) return false;
    const start = binding.threadCpuTime();
    collectNow(type);
    while (binding.awaitBackground()) drainSlice();
    binding.spendOnCollections(binding.threadCpuTime() - start);
    binding.trimForAll();
    return true;
  }

  #ask(size) {
    const { usage, limit } = binding.processMemory();
    return pressure.ask({ bytes: usage, limit, size });
  }
}

const processRoom = new ProcessRoom();

module.exports = { processRoom };
