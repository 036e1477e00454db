'use strict';

const { Counter, Gauge } = require('prom-client');
const { ArgumentTypeError } = require('../../support/errors');
const { METRICS, snapshots } = require('./metrics');

const SUFFIXES = { By: '_bytes', s: '_seconds' };

function nameOf({ name, unit, total }) {
  return `ffi_tally_${name.replaceAll('.', '_')}${SUFFIXES[unit] ?? ''}${total ? '_total' : ''}`;
}

/** Adds our metrics to a registry of prom-client. */
function registerMetrics(registry, options = {}) {
  if (typeof registry?.registerMetric !== 'function') {
    throw new ArgumentTypeError(registry, 'registry', 'a Registry of prom-client');
  }
  const take = snapshots(options);
  for (const metric of METRICS) {
    const Metric = metric.total ? Counter : Gauge;
    new Metric({
      name: nameOf(metric),
      help: metric.help,
      labelNames: metric.labels,
      registers: [registry],
      collect() {
        this.reset();
        for (const [labels, value] of metric.read(take())) {
          if (value === undefined) continue;
          if (metric.total) this.inc(labels, value);
          else this.set(labels, value);
        }
      },
    });
  }
}

module.exports = { registerMetrics };
