'use strict';
// ffi-tally/prometheus, judged by Prometheus itself: promtool, and a server that scrapes a process.

const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { setTimeout: wait } = require('node:timers/promises');
const { Registry } = require('prom-client');
const { collect, configure, memoryUsage, reportExternal, gauge, stats, track } = require('../../../lib');
const { registerMetrics } = require('../../../lib/tools/monitor/prometheus.js');
const inChildren = require('../../support/in-children.js');

const root = path.join(__dirname, '../../..');
const kept = [];

afterEach(() => {
  for (const pointer of kept.splice(0)) pointer.dispose();
});

const keep = (label, size = 10) => kept.push(track(4096n, { size, free: null, label }));

function registered(options) {
  const registry = new Registry();
  registerMetrics(registry, options);
  return registry;
}

/** The samples of one metric, by their labels. */
async function samplesOf(registry, name) {
  const all = await registry.getMetricsAsJSON();
  const { values } = all.find((metric) => metric.name === name);
  return Object.fromEntries(values.map(({ labels, value }) => [Object.values(labels).join(' '), value]));
}

test('tells what stats() and memoryUsage() do', async () => {
  const registry = registered();
  keep('image', 1000);
  keep('image', 500);
  keep('font', 7);
  track(8192n, { size: 3, free: null, label: 'font' }).dispose();
  reportExternal(11);
  expect(await samplesOf(registry, 'ffi_tally_tracked_bytes')).toMatchObject({ image: 1500, font: 7 });
  expect(await samplesOf(registry, 'ffi_tally_pointers')).toMatchObject({ image: 2, font: 1 });
  expect(await samplesOf(registry, 'ffi_tally_pointers_tracked_total')).toMatchObject({ image: 2, font: 2 });
  expect(await samplesOf(registry, 'ffi_tally_pointers_ended_total')).toMatchObject({
    'image disposed': 0,
    'font disposed': 1,
    'font collected': 0,
    'font released': 0,
  });
  expect(await samplesOf(registry, 'ffi_tally_charged_bytes_total')).toMatchObject({ image: 1500, font: 10 });
  expect(Object.keys(await samplesOf(registry, 'ffi_tally_oldest_pointer_age_seconds'))).toEqual([
    'image',
    'font',
  ]);
  expect(await samplesOf(registry, 'ffi_tally_manual_bytes')).toEqual({ '': 11 });
  expect(await samplesOf(registry, 'ffi_tally_peak_bytes')).toEqual({ '': stats().peakBytes });
  expect(await samplesOf(registry, 'ffi_tally_limit_bytes')).toEqual({ '': configure().limit });
  const before = stats().collections.major;
  collect();
  expect(await samplesOf(registry, 'ffi_tally_collections_total')).toMatchObject({ major: before + 1 });
  const terms = Object.entries(memoryUsage().terms).filter(([, value]) => value !== undefined);
  const told = await samplesOf(registry, 'ffi_tally_memory_bytes');
  expect(Object.keys(told)).toEqual(terms.map(([term]) => term));
  expect(told.tracked).toBe(1518);
  reportExternal(-11);
});

test('tells of gauges, of the budget, and of the process over all threads', async () => {
  const registry = registered();
  const open = [gauge('vram', () => 30, { limit: 100 }), gauge('cache', () => 5), gauge('cache', () => 6)];
  keep('image', 100);
  expect(await samplesOf(registry, 'ffi_tally_gauge_bytes')).toEqual({ vram: 30, cache: 11 });
  expect(await samplesOf(registry, 'ffi_tally_gauge_limit_bytes')).toEqual({ vram: 100 });
  expect(await samplesOf(registry, 'ffi_tally_gauge_failures_total')).toEqual({ vram: 0, cache: 0 });
  expect(await samplesOf(registry, 'ffi_tally_outside_bytes')).toEqual({ '': 11 });
  expect(await samplesOf(registry, 'ffi_tally_budget_bytes')).toEqual({ '': 64 * 2 ** 20 });
  const { memory, ...whole } = stats({ scope: 'process' });
  expect(await samplesOf(registry, 'ffi_tally_process_tracked_bytes')).toEqual({
    '': whole.bytes + whole.manual + whole.outside,
  });
  expect(await samplesOf(registry, 'ffi_tally_process_pointers')).toEqual({ '': whole.pointers });
  expect(await samplesOf(registry, 'ffi_tally_process_limit_bytes')).toEqual({ '': memory.limit });
  expect((await samplesOf(registry, 'ffi_tally_process_usage_bytes'))['']).toBeGreaterThan(1e6);
  for (const each of open) each.close();
});

test('all metrics of one reading are from one moment', async () => {
  const registry = registered();
  keep('moment', 100);
  const values = Object.fromEntries(
    (await registry.getMetricsAsJSON()).map((metric) => [metric.name, metric.values]),
  );
  const sum = (name) => values[name].reduce((total, { value }) => total + value, 0);
  const tracked = values.ffi_tally_memory_bytes.find(({ labels }) => labels.term === 'tracked').value;
  expect(tracked).toBe(sum('ffi_tally_tracked_bytes') + sum('ffi_tally_manual_bytes'));
});

test('the number of time series has a bound, and what is summed up only grows', async () => {
  const known = stats().accounts.length;
  const registry = registered({ maxAccounts: known + 2 });
  for (let i = 0; i < 10; i++) keep(`bounded ${i}`, 100 + i);
  const first = await samplesOf(registry, 'ffi_tally_charged_bytes_total');
  expect(Object.keys(first)).toHaveLength(known + 3);
  expect(first.other).toBe(
    stats().accounts.reduce((sum, { label, chargedBytes }) => sum + (label in first ? 0 : chargedBytes), 0),
  );
  keep('bounded 0', 1e6); // now the largest, but not one of those named
  const second = await samplesOf(registry, 'ffi_tally_charged_bytes_total');
  expect(Object.keys(second).sort()).toEqual(Object.keys(first).sort());
  for (const name of Object.keys(first)) expect(second[name]).toBeGreaterThanOrEqual(first[name]);
  expect(second.other).toBe(first.other + 1e6);
});

test.each([
  [undefined, {}, 'ERR_TALLY_INVALID_ARG_TYPE'],
  [{}, {}, 'ERR_TALLY_INVALID_ARG_TYPE'],
  [new Registry(), { maxAccounts: -1 }, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [new Registry(), { accounts: 5 }, 'ERR_TALLY_UNKNOWN_OPTION'],
])('%p with %p is an error', (registry, options, code) => {
  expect(() => registerMetrics(registry, options)).toThrow(expect.objectContaining({ code }));
});

const files = [
  'monitoring/alerts.yml',
  'monitoring/grafana.json',
  'test/tools/monitor/alerts.test.yml',
  'docs/seeing-memory.md',
];

test.each(files)('%s names only metrics that there are', async (file) => {
  const names = registered()
    .getMetricsAsArray()
    .map(({ name }) => name);
  const used = fs.readFileSync(path.join(root, file), 'utf8').match(/\bffi_tally_\w+/g);
  expect(used.length).toBeGreaterThan(5);
  expect([...new Set(used)].filter((name) => !names.includes(name))).toEqual([]);
});

test('the dashboard shows every metric but these', () => {
  const text = fs.readFileSync(path.join(root, 'monitoring/grafana.json'), 'utf8');
  const { panels, templating } = JSON.parse(text);
  expect(panels.every(({ targets }) => targets.length > 0)).toBe(true);
  expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'instance']);
  const names = registered()
    .getMetricsAsArray()
    .map(({ name }) => name);
  expect(names.filter((name) => !new RegExp(`${name}\\b`).test(text))).toEqual([
    'ffi_tally_destructor_failures_total', // an alert
    'ffi_tally_peak_bytes',
    'ffi_tally_gauge_failures_total', // an alert
    'ffi_tally_dead_pointers',
  ]);
});

const has = (tool) => spawnSync(tool, ['--version']).status === 0;
const hasPrometheus = has('promtool') && has('prometheus');
if (!hasPrometheus) {
  const text = 'NOT RUN: what needs Prometheus, which is not installed (Debian: prometheus)';
  if (process.env.CI === 'true') throw new Error(text);
  console.warn(text);
}

(hasPrometheus ? describe : describe.skip)('Prometheus', () => {
  const promtool = (args, input) => {
    const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: root, input, encoding: 'utf8' });
    return { status, output: stdout + stderr };
  };

  test('promtool has nothing to say of our metrics', async () => {
    keep('image "quoted" \\ and\nbroken', 5);
    const text = await registered().metrics();
    expect(text).toContain('image \\"quoted\\"');
    expect(promtool(['check', 'metrics'], text)).toEqual({ status: 0, output: '' });
  });

  inChildren.test('promtool checks the alert rules', () => {
    const { status, output } = promtool(['check', 'rules', 'monitoring/alerts.yml']);
    expect({ status, output }).toEqual({
      status: 0,
      output: expect.stringContaining('SUCCESS: 10 rules found'),
    });
  });

  inChildren.test('each alert fires where it should, and not where it should not', () => {
    const alerts = [
      ...fs.readFileSync(path.join(root, 'monitoring/alerts.yml'), 'utf8').matchAll(/alert: (\w+)/g),
    ];
    const tested = fs.readFileSync(path.join(root, 'test/tools/monitor/alerts.test.yml'), 'utf8');
    expect(alerts).toHaveLength(10);
    for (const [, name] of alerts) expect(tested).toContain(`alertname: ${name}`);
    expect(promtool(['test', 'rules', 'test/tools/monitor/alerts.test.yml'])).toMatchObject({ status: 0 });
  });

  inChildren.test('a server scrapes a process', async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-prometheus-'));
    const children = [];
    const start = (command, args) => {
      const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
      children.push(child);
      child.output = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (child.output += text));
      return child;
    };
    try {
      const service = start(process.execPath, ['-e', SERVICE]);
      const [target] = await until('the service listens', () => service.output.match(/\d+/));
      const port = await freePort();
      const config = {
        global: { scrape_interval: '1s', scrape_timeout: '1s' },
        rule_files: [path.join(root, 'monitoring/alerts.yml')],
        scrape_configs: [{ job_name: 'app', static_configs: [{ targets: [`127.0.0.1:${target}`] }] }],
      };
      fs.writeFileSync(path.join(directory, 'prometheus.yml'), JSON.stringify(config)); // which is YAML too
      const server = start('prometheus', [
        `--config.file=${path.join(directory, 'prometheus.yml')}`,
        `--storage.tsdb.path=${path.join(directory, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ]);
      const get = async (what) => {
        const response = await globalThis.fetch(`http://127.0.0.1:${port}/api/v1/${what}`).catch(() => null);
        if (server.exitCode !== null) throw new Error(server.output);
        return response?.ok ? (await response.json()).data : undefined;
      };
      const query = async (expression) => {
        const data = await get(`query?query=${encodeURIComponent(expression)}${scraped}`);
        return data?.result.map(({ value }) => value[1]) ?? [];
      };
      let scraped = '';
      const [at] = await until('the first scrape', async () => {
        const times = await query('timestamp(ffi_tally_tracked_bytes)');
        return times.length > 0 && times;
      });
      scraped = `&time=${at}`; // all that follows is asked of this one, as a later one may be late
      expect(await query('up{job="app"}')).toEqual(['1']);
      expect(await query('ffi_tally_tracked_bytes{account="image"}')).toEqual(['3000000']);
      expect(await query('ffi_tally_pointers_ended_total{account="image", reason="disposed"}')).toEqual([
        '1',
      ]);
      expect(await query('count(ffi_tally_memory_bytes)')).toEqual(['6']);
      // The terms are the resident memory that Node's own metric tells.
      const [share] = await query('sum(ffi_tally_memory_bytes) / sum(process_resident_memory_bytes)');
      expect(Number(share)).toBeGreaterThan(0.8);
      expect(Number(share)).toBeLessThan(1.2);
      const { groups } = await get('rules');
      expect(groups.flatMap(({ rules }) => rules)).toHaveLength(10);
      const targets = await until('the target is up', async () => {
        const { activeTargets } = await get('targets');
        return activeTargets.every(({ health }) => health === 'up') && activeTargets;
      });
      expect(targets).toMatchObject([{ health: 'up', lastError: '' }]);
    } finally {
      await Promise.all(
        children.map(
          (child) =>
            new Promise((resolve) => {
              if (child.exitCode !== null || child.signalCode !== null) return resolve();
              child.on('exit', resolve);
              child.kill('SIGKILL');
            }),
        ),
      );
      fs.rmSync(directory, { recursive: true, force: true });
    }
  });
});

const SERVICE = `
  const { createServer } = require('node:http');
  const { Registry, collectDefaultMetrics } = require('prom-client');
  const { track } = require('ffi-tally');
  const register = new Registry();
  collectDefaultMetrics({ register });
  require('ffi-tally/prometheus').registerMetrics(register);
  const image = () => track(4096n, { size: 1_000_000, free: null, label: 'image' });
  globalThis.kept = [image(), image(), image()];
  image().dispose();
  const server = createServer(async (request, response) => {
    response.setHeader('Content-Type', register.contentType);
    response.end(await register.metrics());
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

async function until(what, condition) {
  for (let i = 0; i < 500; i++) {
    const result = await condition();
    if (result) return result;
    await wait(100);
  }
  throw new Error(`not in time: ${what}`);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
