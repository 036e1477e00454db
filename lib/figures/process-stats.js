'use strict';

const binding = require('../binding');
const { nursery } = require('../books/nursery');

/** The ledgers of all environments of the process, added up. */
function processStats() {
  nursery.flush();
  const raw = binding.processStats();
  const { usage, limit } = binding.processMemory();
  const { environments, bytes, pointers, manual, outside, deadBytes, deadPointers, ...others } = raw;
  const { transitBytes, transitPointers, ...totals } = others;
  return {
    environments,
    bytes,
    pointers,
    manual,
    outside,
    dead: { bytes: deadBytes, pointers: deadPointers },
    inTransit: { bytes: transitBytes, pointers: transitPointers },
    totals,
    memory: { usage, limit: limit === Number.MAX_SAFE_INTEGER ? Infinity : limit },
  };
}

module.exports = { processStats };
