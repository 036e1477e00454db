'use strict';
// What `npm test` leaves out so that it ends in a few minutes: combinations of things that are tested one by one, and most
// repetitions of what is left to chance. `npm run test:all` has them, and so has whoever names a file: scripts/test.js
// says so.

/* global describe, test */
const isWhole = process.env.FFI_TALLY_TEST_WHOLE !== 'no';
const leaveOut = Object.assign(() => {}, { each: () => () => {} });

/** Of `cases` that try one thing in several ways, strings or arrays that begin with their names: all, or those of `names`. */
function some(cases, ...names) {
  const nameOf = (each) => (Array.isArray(each) ? each[0] : each);
  const chosen = cases.filter((each) => names.includes(nameOf(each)));
  if (chosen.length !== names.length) throw new Error(`not all there: ${names.join(', ')}`);
  return isWhole ? cases : chosen;
}

module.exports = {
  isWhole,
  leaveOut,
  some,
  combinations: isWhole ? { describe, test } : { describe: leaveOut, test: leaveOut },
  /** How often something is tried: `few` times by `npm test`, else `many`. */
  times: (few, many) => (isWhole ? many : few),
};
