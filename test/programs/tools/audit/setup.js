'use strict';
// For programs that are audited, each as it should be and, with `leak` among its arguments, with a leak. report() prints
// audit() and `truth`, the C side's own bytes.

process.env.FFI_TALLY_AUDIT = 'quiet';
const { audit } = require('../../../../lib/tools/audit');
const { withOwnership } = require('../../../../lib/ffi/koffi');

module.exports = {
  audit,
  koffi: withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi')),
  leaks: process.argv.includes('leak'),
  report: (truth) => console.log(JSON.stringify({ ...audit(), truth })),
};
