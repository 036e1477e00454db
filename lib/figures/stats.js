'use strict';

const binding = require('../binding');
const { nursery } = require('../books/nursery');
const { hasTraces, readTraces } = require('../books/trace');
const { gauges, meters, readUnowned } = require('../books/unowned');
const { checkBoolean, checkOptions } = require('../support/check');
const { ArgumentValueError } = require('../support/errors');
const { accountRows } = require('./account-rows');
const { processStats } = require('./process-stats');

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
  const survey = ages || hasTraces() ? binding.survey() : null;
  const accounts = accountRows(ages ? survey.oldest : null);
  const traces = hasTraces() ? readTraces(survey) : [];
  if (survey !== null) binding.detach(survey.buffer);
  return {
    backend: binding.backend,
    bytes: raw.bytes,
    pointers: raw.pointers,
    manual: raw.manual,
    outside: raw.outside,
    peakBytes: raw.peakBytes,
    reported: raw.reported,
    dead: { bytes: raw.deadBytes, pointers: raw.deadPointers },
    totals: raw.totals,
    collections: {
      minor: raw.minor,
      major: raw.major,
      returnedByMinor: raw.returnedByMinor,
      returnedByMajor: raw.returnedByMajor,
    },
    accounts,
    traces,
    meters: meters.size > 0 ? binding.meters() : [],
    gauges: Array.from(gauges, ({ label, bytes, peakBytes, failed, limit }) => ({
      label,
      bytes,
      peakBytes,
      failed,
      limit,
    })),
  };
}

module.exports = { stats };
