'use strict';
// What the program and the sampler share.

module.exports = {
  /** Index of the word by which the sampler asks the program for its last words, and the program says it is done. */
  MUST_END: 0,
  ASKED: 1,
  DONE: 2,
  /** Index of a word that never changes: to sleep on. */
  NEVER: 1,
  /** Indices of words that are no longer 0 when the sampler has taken its first sample, and its last one. */
  BEGUN: 2,
  ENDED: 3,
  STATE_BYTES: 16,
  /** Symbol.for() this in the main thread's globalThis is a function by which it publishes its figures. */
  PUBLISH: 'ffi-tally.publish',
};
