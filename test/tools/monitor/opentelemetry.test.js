'use strict';

const { metrics } = require('@opentelemetry/api');
const {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} = require('@opentelemetry/sdk-metrics');
const { Registry } = require('prom-client');
const { configure, gauge, meteredAllocator, stats, track } = require('../../../lib');
const opentelemetry = require('../../../lib/tools/monitor/opentelemetry.js');
const prometheus = require('../../../lib/tools/monitor/prometheus.js');

const kept = [];

afterEach(() => {
  for (const pointer of kept.splice(0)) pointer.dispose();
});

/** What the SDK exports, by name. */
async function exported(options) {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  // An hour: the test itself asks for the export.
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  opentelemetry.registerMetrics(provider.getMeter('test'), options);
  await provider.forceFlush();
  const [{ scopeMetrics }] = exporter.getMetrics();
  await provider.shutdown();
  return new Map(scopeMetrics[0].metrics.map((metric) => [metric.descriptor.name, metric]));
}

test('the SDK exports all of them, with units, and sums as sums', async () => {
  for (const size of [10, 20]) kept.push(track(4096n, { size, free: null, label: 'telemetry' }));
  const found = await exported();
  const tracked = found.get('ffi_tally.tracked');
  expect(tracked.descriptor).toMatchObject({
    unit: 'By',
    description: expect.stringContaining('keep alive'),
  });
  const point = ({ dataPoints }, attributes) =>
    dataPoints.find((each) => JSON.stringify(each.attributes) === JSON.stringify(attributes))?.value;
  expect(point(tracked, { account: 'telemetry' })).toBe(30);
  const ended = found.get('ffi_tally.pointers.ended');
  expect(ended).toMatchObject({ isMonotonic: true });
  expect(point(ended, { account: 'telemetry', reason: 'disposed' })).toBe(0);
  expect(found.get('ffi_tally.memory').dataPoints.map(({ attributes }) => attributes.term)).toContain(
    'untracked',
  );
  expect(found.get('ffi_tally.limit')?.dataPoints ?? []).toEqual([]);
});

test('a limit that there is', async () => {
  configure({ limit: 2 ** 40 });
  const found = await exported();
  configure({ limit: Infinity });
  expect(found.get('ffi_tally.limit').dataPoints).toMatchObject([{ value: 2 ** 40 }]);
});

test('in Prometheus they have the names that ffi-tally/prometheus gives', async () => {
  // All that has no value where nobody asks for it.
  const { limit } = stats({ scope: 'process' }).memory;
  configure({ limit: 2 ** 40, scope: 'process' });
  configure({ limit: 2 ** 40 });
  const vram = gauge('vram', () => 1, { limit: 2 });
  meteredAllocator({ label: 'metered' });
  kept.push(track(4096n, { size: 1, free: null }));
  const found = await exported();
  vram.close();
  configure({ limit, scope: 'process' });
  configure({ limit: Infinity });
  // https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
  const units = { By: '_bytes', s: '_seconds' };
  const names = [...found.values()].map(({ descriptor: { name, unit }, isMonotonic }) =>
    [name.replaceAll('.', '_'), units[unit] ?? '', isMonotonic ? '_total' : ''].join(''),
  );
  const registry = new Registry();
  prometheus.registerMetrics(registry);
  expect(names).toEqual(registry.getMetricsAsArray().map(({ name }) => name));
});

test('the number of time series has a bound', async () => {
  for (let i = 0; i < 5; i++) kept.push(track(4096n, { size: 1, free: null, label: `label ${i}` }));
  const accounts = (await exported({ maxAccounts: 2 })).get('ffi_tally.tracked').dataPoints;
  expect(accounts.map(({ attributes }) => attributes.account)).toHaveLength(3);
  expect(accounts.at(-1).attributes.account).toBe('other');
});

test('the meter of the API alone measures nothing, and is no error', () => {
  expect(() => opentelemetry.registerMetrics(metrics.getMeter('none'))).not.toThrow();
});

test.each([
  [undefined, {}, 'ERR_TALLY_INVALID_ARG_TYPE'],
  [metrics.getMeterProvider(), {}, 'ERR_TALLY_INVALID_ARG_TYPE'],
  [metrics.getMeter('none'), { max: 5 }, 'ERR_TALLY_UNKNOWN_OPTION'],
])('%p with %p is an error', (meter, options, code) => {
  expect(() => opentelemetry.registerMetrics(meter, options)).toThrow(expect.objectContaining({ code }));
});
