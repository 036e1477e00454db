'use strict';

const { formatTable } = require('../lib/support/table');
const { MB, ms } = require('./bars');
const cases = require('./cases');
const peers = require('./peers');

const table = (head, rows) => formatTable(head, rows, { indent: 2 });

const shown = (value, show) => (value === undefined || value === null ? '' : show(value));

const columns = [
  { head: 'time', cell: ({ time }) => ms(time) },
  { head: 'CPU', cell: ({ cpu }) => ms(cpu) },
  {
    head: '/ ref.',
    cell: ({ time }, results, reference) =>
      shown(results[reference], (other) => (time / other.time).toFixed(2)),
  },
  { head: 'tracked', cell: ({ peakTracked }) => shown(peakTracked, MB) },
  { head: 'native', cell: ({ peakNative }) => shown(peakNative, MB) },
  { head: 'RSS', cell: ({ peakRss }) => MB(peakRss) },
  { head: 'faults', cell: ({ faults }) => shown(faults, String) },
  { head: 'minor', cell: ({ minor }) => minor },
  { head: 'major', cell: ({ major }) => major },
  { head: 'in GC', cell: ({ gcTime }) => ms(gcTime) },
  { head: 'loop p99', cell: ({ loopP99 }) => shown(loopP99, ms) },
];

function titleOf(benchmark, peer) {
  return benchmark.titles?.[peer] ?? peers.load(peer).title;
}

function barLine({ text, kind, limit, value, pass }, quick) {
  const verdict = quick && kind === 'time' ? 'not judged' : pass ? 'pass' : 'MISS';
  return `  ${verdict.padEnd(11)}${text}: ${value} (bar: ${limit})`;
}

/** One case as lines of text. */
function caseReport({ name, sizes, rounds, results, bars }, { quick }) {
  const benchmark = cases.load(name);
  const all = [...columns, ...(benchmark.columns ?? [])].filter(({ cell }) =>
    Object.values(results).some((result) => cell(result, results, benchmark.reference) !== ''),
  );
  const rows = Object.entries(results).map(([peer, result]) => [
    titleOf(benchmark, peer) + (result.stopped ? ` (stopped at ${MB(benchmark.cap)})` : ''),
    ...all.map(({ cell }) => cell(result, results, benchmark.reference)),
  ]);
  return [
    `${name}: ${benchmark.title}`,
    `  ${JSON.stringify(sizes)}, rounds: ${rounds}, ref.: ${titleOf(benchmark, benchmark.reference)}`,
    table(['', ...all.map(({ head }) => head)], rows),
    ...bars.map((bar) => barLine(bar, quick)),
    '',
  ].join('\n');
}

/** All bars of all Nodes side by side, as text. */
function summary(runs, { quick }) {
  const [first] = runs;
  const rows = first.cases.flatMap((each, index) =>
    each.bars.map((bar, at) => [
      each.name,
      bar.text,
      bar.limit,
      ...runs.map((run) => {
        const { value, pass, kind } = run.cases[index].bars[at];
        if (quick && kind === 'time') return `${value}  -`;
        return `${value}  ${pass ? 'pass' : 'MISS'}`;
      }),
    ]),
  );
  return table(['case', 'what', 'bar', ...runs.map(({ node }) => `Node ${node}`)], rows);
}

module.exports = { caseReport, summary };
