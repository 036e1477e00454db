'use strict';

const binding = require('./binding');
const { checkOptions } = require('./check');
const { ArgumentValueError } = require('./errors');
const nursery = require('./nursery');
const { processStats } = require('./process-stats');

const SUMMED = ['tracked', 'disposed', 'collected', 'released', 'failed', 'chargedBytes'];

/** The ledger of this environment, or what those of the process add up to. */
function stats(options = {}) {
  checkOptions(options, ['scope']);
  const { scope = 'environment' } = options;
  if (scope === 'process') return processStats();
  if (scope !== 'environment') throw new ArgumentValueError(scope, 'scope', `'environment' or 'process'`);
  nursery.flush();
  const raw = binding.stats();
  const totals = {};
  for (const name of SUMMED) totals[name] = raw.accounts.reduce((sum, account) => sum + account[name], 0);
  return {
    backend: binding.backend,
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
