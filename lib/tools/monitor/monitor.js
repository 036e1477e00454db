'use strict';

const { performance } = require('node:perf_hooks');
const { clearInterval, setInterval } = require('node:timers');
const binding = require('../../binding');
const { memoryUsage } = require('../../figures/memory-usage');
const { stats } = require('../../figures/stats');
const { follow } = require('../../reclaim/reclaim');
const { checkFunction, checkNumber, checkOptions, checkSize } = require('../../support/check');
const { STARVED_MS, WINDOW, findFutile, findGap, findStarved } = require('./judge');

const MOST = 2 ** 31 - 1; // of a timer
// What V8 allocates for each pointer that is watched.
const WATCHING = 120;

function takeSample(at, late) {
  const { terms, tracked } = memoryUsage();
  const { accounts, collections, dead, pointers } = stats();
  return {
    at,
    late,
    heap: terms.heap + terms.buffers,
    untracked: (terms.untracked ?? terms.rest) - pointers * WATCHING,
    tracked,
    dead,
    major: collections.major,
    returned: collections.returnedByMinor + collections.returnedByMajor,
    largest: accounts.slice(0, 3),
  };
}

function warnOf(code) {
  return ({ message }) => process.emitWarning(message, { type: 'FfiTallyWarning', code });
}

const checkInterval = (interval) =>
  checkNumber(interval, 'interval', (ms) => ms >= 1 && ms <= MOST, `milliseconds from 1 to ${MOST}`);

/** Watches this process for what the figures say when one looks long enough. */
class Monitor {
  #timer;
  #samples = [];
  #expected;
  #watches;

  constructor({ interval, gap, onGap, onStarved, onFutile }) {
    // Each starts over when it has found something, so that it does not say the same at every sample.
    this.#watches = [
      { find: (samples) => findGap(samples, gap), tell: onGap, since: 0 },
      { find: findStarved, tell: onStarved, since: 0 },
      { find: findFutile, tell: onFutile, since: 0 },
    ];
    this.#expected = performance.now() + interval;
    this.#timer = setInterval(() => this.#look(interval), interval);
    this.#timer.unref();
  }

  #look(interval) {
    const now = performance.now();
    const late = Math.max(now - this.#expected, 0);
    this.#expected = now + interval;
    // What V8 has found dead while nothing of ours could run is not in the books yet.
    const wasStarved = late >= STARVED_MS;
    if (wasStarved && binding.observe()) binding.sweep(Infinity);
    this.#samples.push(takeSample(now, late));
    if (this.#samples.length > WINDOW) this.#samples.shift();
    for (const watch of this.#watches) {
      watch.since++;
      const finding = watch.find(this.#samples.slice(-watch.since));
      if (finding === null) continue;
      watch.since = 0;
      watch.tell(finding);
    }
    if (wasStarved) follow();
  }

  stop() {
    clearInterval(this.#timer);
  }
}

/** Looks at memory from time to time, and tells when something is wrong. */
function monitor(options = {}) {
  checkOptions(options, ['interval', 'gap', 'onGap', 'onStarved', 'onFutile']);
  const { interval = 10_000, gap = 32 * 1024 * 1024 } = options;
  const handler = (name, code) => checkFunction(options[name] ?? warnOf(code), name);
  return new Monitor({
    interval: checkInterval(interval),
    gap: checkSize(gap, 'gap'),
    onGap: handler('onGap', 'FFI_TALLY_GAP'),
    onStarved: handler('onStarved', 'FFI_TALLY_STARVED'),
    onFutile: handler('onFutile', 'FFI_TALLY_FUTILE'),
  });
}

module.exports = { monitor };
