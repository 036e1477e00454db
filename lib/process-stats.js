'use strict';

const binding = require('./binding');
const nursery = require('./nursery');

/** The ledgers of all environments of the process, added up. */
function processStats() {
  nursery.flush();
  const { environments, bytes, pointers, manual, outside, deadBytes, deadPointers, ...totals } =
    binding.processStats();
  return {
    environments,
    bytes,
    pointers,
    manual,
    outside,
    dead: { bytes: deadBytes, pointers: deadPointers },
    totals,
  };
}

module.exports = { processStats };
