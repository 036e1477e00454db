'use strict';
// Runs loads in memory cgroups, with sizes that are right, left out, 0 and too small by 10,000, and tells what became of
// them: kills, errors, the peak, and the time in V8's collections. `disposed` says whether the load fits at all.
//   node scripts/oom.js [rounds] [--limit=512,256] [--workers=0,3,8] [--load=images,service,small,live]
//     [--sizes=disposed,right,none,zero,small] [--seconds=120]
// `seconds` is how long one run may take. Fails where the kernel has killed, or where a run has not ended.

const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { parseArgs } = require('node:util');
const { formatTable } = require('../lib/support/table.js');
const { MemoryCgroup, canGroup } = require('../test/support/memory-cgroup.js');
const { root, skip } = require('./tools.js');

const program = path.join(root, 'test/programs/reclaim/loads.js');
const HEAD = [
  'limit',
  'workers',
  'load',
  'sizes',
  'killed',
  'stopped',
  'errors',
  'peak',
  'of right',
  'in GC',
];

/** One run: { ended: 'killed', 'stopped' or 'done', errors, share, peak }. */
function runOnce(megabytes, load, sizes, workers, seconds) {
  const group = new MemoryCgroup();
  try {
    group.limitTo(megabytes * 2 ** 20);
    const code = group.codeFor(program, [load, sizes, workers]);
    const child = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8', timeout: seconds * 1000 });
    const { peak } = group;
    if (child.signal === 'SIGKILL') return { ended: 'killed', errors: [], share: 0, peak };
    if (child.signal !== null) return { ended: 'stopped', errors: [], share: 0, peak };
    if (child.status !== 0) throw new Error(child.stderr);
    return { ended: 'done', peak, ...JSON.parse(child.stdout) };
  } finally {
    group.remove();
  }
}

/** The row of `rounds` runs, and the peak of the worst. */
function rowOf(rounds, cell, sizes, right) {
  const runs = Array.from({ length: rounds }, () =>
    runOnce(cell.limit, cell.load, sizes, cell.workers, cell.seconds),
  );
  const count = (ended) => runs.filter((each) => each.ended === ended).length;
  const peak = Math.max(...runs.map((each) => each.peak));
  const codes = new Set(runs.flatMap(({ errors }) => errors));
  const errors = runs.filter((each) => each.errors.length > 0).length;
  return {
    peak,
    bad: count('killed') + count('stopped'),
    row: [
      ...[String(cell.limit), String(cell.workers), cell.load, sizes],
      ...[String(count('killed')), String(count('stopped')), [errors, ...codes].join(' ')],
      `${Math.round(peak / 2 ** 20)} MB`,
      right === null ? '' : (peak / right).toFixed(2),
      `${Math.round(Math.max(...runs.map((each) => each.share)) * 100)} %`,
    ],
  };
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: Object.fromEntries(
      ['limit', 'workers', 'load', 'sizes', 'seconds'].map((name) => [name, { type: 'string' }]),
    ),
  });
  if (!canGroup()) return skip('loads in memory cgroups', 'none may be made here');
  const list = (name, all) => (values[name] ?? all).split(',');
  const rounds = Number(positionals[0] ?? 1);
  const seconds = Number(values.seconds ?? 120);
  const rows = [];
  let bad = 0;
  for (const limit of list('limit', '512,256')) {
    for (const workers of list('workers', '0,3,8')) {
      for (const load of list('load', 'images,service,small,live')) {
        let right = null;
        for (const sizes of list('sizes', 'disposed,right,none,zero,small')) {
          if (load === 'live' && sizes === 'disposed') continue; // all of it is alive
          const result = rowOf(rounds, { limit, workers, load, seconds }, sizes, right);
          if (sizes === 'right') right = result.peak;
          if (sizes !== 'disposed') bad += result.bad;
          rows.push(result.row);
          console.error(result.row.join('  '));
        }
      }
    }
  }
  console.log(formatTable(HEAD, rows, { right: HEAD.map((_, i) => i !== 2 && i !== 3) }));
  console.log(`Node ${process.version}: ${rows.length * rounds} runs, ${bad} of ours killed or stopped`);
  return bad === 0;
}

process.exitCode = main() ? 0 : 1;
