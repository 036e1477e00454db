'use strict';
// What the program's thread and the sampler share.

/** Figures that the program's thread publishes, in order. */
const FIELDS = [
  'publishedAt',
  'heapUsed',
  'heapTotal',
  'arrayBuffers',
  'total_physical_size',
  'malloced_memory',
  'counter',
  'reported',
  'viewed',
  'mapped',
];

module.exports = {
  FIELDS,
  /** Index of the word by which the sampler asks the program for its last words, and the program says it is done. */
  MUST_END: 0,
  ASKED: 1,
  DONE: 2,
  /** Index of a word that never changes: to sleep on. */
  NEVER: 1,
  STATE_BYTES: 8 + 8 * FIELDS.length,
};
