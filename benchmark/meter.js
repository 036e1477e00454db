'use strict';
// What is measured in a child process, from start() to stop(): time, garbage collections, the event loop, and
// what the kernel and the allocating side say of memory.

const { monitorEventLoopDelay, performance, PerformanceObserver, constants } = require('node:perf_hooks');
const { setImmediate: nextTurn } = require('node:timers/promises');
const koffi = require('koffi');
const peakRss = require('../demo/peak-rss');
const { blocksLibrary } = require('./paths');

const RESOLUTION = 1; // milliseconds

const library = koffi.load(blocksLibrary);
const made = library.func('size_t blocks_made()');
const freed = library.func('size_t blocks_freed()');
const liveBytes = library.func('size_t blocks_live_bytes()');
const peakBytes = library.func('size_t blocks_peak_bytes()');

// Linux has a clock of what one thread used of the processor; elsewhere it is the clock of everybody.
const THREAD_CLOCK = 3;
const readClock =
  process.platform === 'linux' ? koffi.load(null).func('int clock_gettime(int id, void *time)') : null;
const time = new BigInt64Array(2);

/** Milliseconds of the processor that this thread has used. */
function threadTime() {
  if (readClock === null) return performance.now();
  readClock(THREAD_CLOCK, time);
  return Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
}

class Meter {
  #cap;
  #entries = [];
  #observer;
  #delay;
  #cpu;
  #faults;

  constructor(cap) {
    this.#cap = cap;
    this.#observer = new PerformanceObserver((list) => this.#entries.push(...list.getEntries()));
  }

  start({ loop = false } = {}) {
    this.#observer.observe({ entryTypes: ['gc'] });
    if (loop) {
      this.#delay = monitorEventLoopDelay({ resolution: RESOLUTION });
      this.#delay.enable();
    }
    this.madeBefore = made();
    this.freedBefore = freed();
    this.#faults = process.resourceUsage().minorPageFault;
    this.#cpu = process.cpuUsage();
    this.from = performance.now();
  }

  /** Whether this process has as much memory as it may have. */
  full() {
    return process.memoryUsage.rss() >= this.#cap;
  }

  stop() {
    this.to = performance.now();
    const { user, system } = process.cpuUsage(this.#cpu);
    this.cpu = (user + system) / 1000;
    this.faults = process.resourceUsage().minorPageFault - this.#faults;
    this.#delay?.disable();
    this.freedWithin = freed() - this.freedBefore;
    this.madeWithin = made() - this.madeBefore;
    this.peakNative = peakBytes();
    this.peakRss = peakRss();
  }

  /** The garbage collections so far, as { start, end, kind }. Node hands them out in a later turn. */
  async collections() {
    for (let i = 0; i < 3; i++) await nextTurn();
    this.#entries.push(...this.#observer.takeRecords());
    return this.#entries.map(({ startTime, duration, detail }) => ({
      start: startTime,
      end: startTime + duration,
      kind: detail.kind,
    }));
  }

  async result() {
    const within = (await this.collections()).filter(({ start }) => start >= this.from && start < this.to);
    const count = (...kinds) => within.filter(({ kind }) => kinds.includes(kind)).length;
    return {
      time: this.to - this.from,
      cpu: this.cpu,
      faults: this.faults,
      peakNative: this.peakNative,
      peakRss: this.peakRss,
      made: this.madeWithin,
      freed: this.freedWithin,
      // 2: the minor mark-sweep of newer V8. Incremental marking and weak callbacks count as time only.
      minor: count(constants.NODE_PERFORMANCE_GC_MINOR, 2),
      major: count(constants.NODE_PERFORMANCE_GC_MAJOR),
      gcTime: within.reduce((sum, { start, end }) => sum + end - start, 0),
      gcLongest: within.reduce((longest, { start, end }) => Math.max(longest, end - start), 0),
      loopP99: this.#delay && Math.max(this.#delay.percentile(99) / 1e6 - RESOLUTION, 0),
    };
  }
}

/** Lets go of whatever is dead, and waits until it has been freed, or is not going to be. */
async function settle() {
  const gc = require('./gc');
  for (let round = 0; round < 5 && liveBytes() > 0; round++) {
    gc.major();
    let before;
    let idle = 0;
    while (liveBytes() > 0 && idle < 20) {
      before = freed();
      await nextTurn();
      idle = freed() === before ? idle + 1 : 0;
    }
  }
}

module.exports = { Meter, settle, made, freed, liveBytes, threadTime };
