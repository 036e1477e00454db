'use strict';
// What `npm test` leaves out so that it ends in a few minutes: combinations of things that are tested one by one, and most
// repetitions of what is left to chance. `npm run test:all` has them, and so has whoever names a file: scripts/test.js
// says so.

/* global describe, test */
const isWhole = process.env.FFI_TALLY_TEST_WHOLE !== 'no';
const leaveOut = Object.assign(() => {}, { each: () => () => {} });

module.exports = {
  isWhole,
  leaveOut,
  combinations: isWhole ? { describe, test } : { describe: leaveOut, test: leaveOut },
  /** How often something is tried: `few` times by `npm test`, else `many`. */
  times: (few, many) => (isWhole ? many : few),
};
