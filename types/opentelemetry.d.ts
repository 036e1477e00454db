import type { Meter } from '@opentelemetry/api';

/** The options of {@link registerMetrics}. */
export interface MetricsOptions {
  /**
   * How many labels are told by name; all labels met later are told together, as `other`, so that the number of time
   * series has a bound. Default: 100.
   */
  maxAccounts?: number | undefined;
}

/**
 * Adds the metrics of this environment to a meter of OpenTelemetry, as observable gauges and counters. They are read when
 * the meter is, which costs what `stats({ ages: true })` and `memoryUsage()` do. Names: `docs/seeing-memory.md`.
 *
 * @throws `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`, `ERR_TALLY_UNKNOWN_OPTION`.
 *
 * @example
 * ```js
 * const { metrics } = require('@opentelemetry/api');
 * require('ffi-tally/opentelemetry').registerMetrics(metrics.getMeter('my-service'));
 * ```
 */
export function registerMetrics(meter: Meter, options?: MetricsOptions): void;
