'use strict';
// For programs that monitor() watches, in a time of their own: it passes when they say so. tell() prints what was found.

const { performance } = require('node:perf_hooks');
const timers = require('node:timers');

let now = 0;
const waiting = [];

Object.defineProperty(performance, 'now', { value: () => now });
timers.setInterval = (callback, interval) => {
  const timer = { callback, interval, at: now + interval, unref() {} };
  waiting.push(timer);
  return timer;
};
timers.clearInterval = (timer) => {
  if (waiting.includes(timer)) waiting.splice(waiting.indexOf(timer), 1);
};

/** Lets that time go by, and then calls each timer that is due: an event loop that stood still as long. */
function pass(milliseconds) {
  now += milliseconds;
  for (const timer of [...waiting]) {
    if (now < timer.at) continue;
    timer.at = now + timer.interval;
    timer.callback();
  }
}

// Loaded after the clock is set.
const { configure, monitor, stats, track } = require('../../../../lib');
const { FREE, addressOf, koffi } = require('../../../support/things.js');
const { counting } = require('../../../support/counting.js');

const library = koffi.load(counting);
const found = [];
const note = (type) => (finding) => found.push({ type, ...finding });
const watching = monitor({
  interval: 20,
  onGap: note('gap'),
  onStarved: note('starved'),
  onFutile: note('futile'),
});

/** Does that every 10 ms, with turns of the event loop, until something was found or that many times; then tells. */
async function often(times, work) {
  for (let left = times; left > 0 && found.length === 0; left--) {
    work();
    pass(10);
    await new Promise(setImmediate);
  }
  watching.stop();
  console.log(JSON.stringify(found));
}

module.exports = {
  ...{ FREE, addressOf, configure, often, pass, stats, track, watching },
  MIB: 2 ** 20,
  free: library.func('void thing_free(void *thing)'),
  make: library.func('void *thing_new(size_t bytes)'),
};
