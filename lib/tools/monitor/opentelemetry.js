'use strict';

const { ArgumentTypeError } = require('../../support/errors');
const { METRICS, snapshots } = require('./metrics');

/** Adds our metrics to a meter of OpenTelemetry. */
function registerMetrics(meter, options = {}) {
  if (typeof meter?.addBatchObservableCallback !== 'function') {
    throw new ArgumentTypeError(meter, 'meter', 'a Meter of OpenTelemetry');
  }
  const take = snapshots(options);
  const instruments = METRICS.map((metric) => {
    const about = { description: metric.help, unit: metric.unit };
    const name = `ffi_tally.${metric.name}`;
    return metric.total
      ? meter.createObservableCounter(name, about)
      : meter.createObservableGauge(name, about);
  });
  meter.addBatchObservableCallback((result) => {
    METRICS.forEach((metric, i) => {
      for (const [labels, value] of metric.read(take())) {
        if (Number.isFinite(value)) result.observe(instruments[i], value, labels); // no limit is no value
      }
    });
  }, instruments);
}

module.exports = { registerMetrics };
