'use strict';

const binding = require('./binding');
const nursery = require('./nursery');

const SUMMED = ['tracked', 'disposed', 'collected', 'released', 'failed', 'chargedBytes'];

/** The ledger of this environment. */
function stats() {
  nursery.flush();
  const raw = binding.stats();
  const totals = {};
  for (const name of SUMMED) totals[name] = raw.accounts.reduce((sum, account) => sum + account[name], 0);
  return {
    backend: 'native',
    bytes: raw.bytes,
    pointers: raw.pointers,
    manual: raw.manual,
    peakBytes: raw.peakBytes,
    reported: raw.reported,
    dead: { bytes: raw.deadBytes, pointers: raw.deadPointers },
    totals,
    collections: {
      minor: raw.minor,
      major: raw.major,
      returnedByMinor: raw.returnedByMinor,
      returnedByMajor: raw.returnedByMajor,
    },
    accounts: raw.accounts,
  };
}

module.exports = { stats };
