import type { Registry } from 'prom-client';

/** The options of {@link registerMetrics}. */
export interface MetricsOptions {
  /**
   * How many labels are told by name; all labels met later are told together, as `other`, so that the number of time
   * series has a bound. Default: 100.
   */
  maxAccounts?: number | undefined;
}

/**
 * Adds the metrics of this environment to a registry of `prom-client`, an optional peer dependency. They are read when
 * the registry is, which costs what `stats({ ages: true })` and `memoryUsage()` do. Names, alert rules and a dashboard:
 * `docs/seeing-memory.md`.
 *
 * @throws `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`, `ERR_TALLY_UNKNOWN_OPTION`; an error of
 *   `prom-client` if they are in the registry already.
 *
 * @example
 * ```js
 * const { register } = require('prom-client');
 * require('ffi-tally/prometheus').registerMetrics(register);
 * ```
 */
export function registerMetrics(registry: Registry<any>, options?: MetricsOptions): void;
