'use strict';

// Of the process: to load node:perf_hooks takes a millisecond. As it is now: a program may replace it.
const { hrtime } = process;

/** Milliseconds since some moment. */
function now() {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

module.exports = { now };
