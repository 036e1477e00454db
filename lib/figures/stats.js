'use strict';

const binding = require('../binding');
const { nursery } = require('../books/nursery');
const { sizingOf } = require('../books/size-methods');
const { hasTraces, readTraces } = require('../books/trace');
const { gauges, meters, readUnowned } = require('../books/unowned');
const { checkBoolean, checkOptions } = require('../support/check');
const { ArgumentValueError } = require('../support/errors');
const { processStats } = require('./process-stats');

const SUMMED = ['tracked', 'disposed', 'collected', 'released', 'failed', 'chargedBytes'];

const bySize = (a, b) => b.bytes - a.bytes || b.peakBytes - a.peakBytes;

/** The ledger of this environment, or what those of the process add up to. */
function stats(options = {}) {
  checkOptions(options, ['scope', 'ages']);
  const { scope = 'environment' } = options;
  const ages = checkBoolean(options.ages ?? false, 'ages');
  if (scope === 'process') return processStats();
  if (scope !== 'environment') throw new ArgumentValueError(scope, 'scope', `'environment' or 'process'`);
  nursery.flush();
  readUnowned();
  const raw = binding.stats();
  const totals = {};
  for (const name of SUMMED) totals[name] = raw.accounts.reduce((sum, account) => sum + account[name], 0);
  const survey = ages || hasTraces() ? binding.survey() : null;
  raw.accounts.forEach((account, i) => {
    account.oldestSeconds = ages && survey.oldest[i] >= 0 ? survey.oldest[i] : undefined;
  });
  return {
    backend: binding.backend,
    bytes: raw.bytes,
    pointers: raw.pointers,
    manual: raw.manual,
    outside: raw.outside,
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
    accounts: raw.accounts.sort(bySize).map((account) => ({ ...account, ...sizingOf(account.label) })),
    traces: hasTraces() ? readTraces(survey.kinds) : [],
    meters: meters.size > 0 ? binding.meters() : [],
    gauges: Array.from(gauges, ({ label, bytes, peakBytes, failed }) => ({
      label,
      bytes,
      peakBytes,
      failed,
    })),
  };
}

module.exports = { stats };
