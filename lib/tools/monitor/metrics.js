'use strict';
// What is told to Prometheus and to OpenTelemetry, in one table, so that both get the same names: those that
// OpenTelemetry's own exporter for Prometheus would make of `name` and `unit`.

const binding = require('../../binding');
const { memoryUsage } = require('../../figures/memory-usage');
const { stats } = require('../../figures/stats');
const { configure } = require('../../reclaim/configure');
const { checkOptions, checkSize } = require('../../support/check');

const REASONS = ['disposed', 'collected', 'released'];
const SUMMED = ['bytes', 'pointers', 'tracked', 'chargedBytes', 'failed', ...REASONS];
const OTHER = 'other';

// A metric is { name, unit, help, labels, read } and `total` where it only grows. read() gives [labels, value] pairs of the
// figures now, undefined where a value is not known.

const total = (metric) => ({ ...metric, total: true });

const single = (name, unit, help, get) => ({ name, unit, help, labels: [], read: (now) => [[{}, get(now)]] });

/** A column of the accounts. */
const byAccount = (name, unit, help, key) => ({
  name,
  unit,
  help,
  labels: ['account'],
  read: ({ accounts }) => accounts.map(({ account, [key]: value }) => [{ account }, value]),
});

/** One value for each key of an object. */
const byKey = (label, name, unit, help, get) => ({
  name,
  unit,
  help,
  labels: [label],
  read: (now) => Object.entries(get(now)).map(([key, value]) => [{ [label]: key }, value]),
});

/** The sum of all that have the same label: a gauge's need not be the only one. Infinity is no limit, and no value. */
const byLabel = (label, name, unit, help, key) => ({
  name,
  unit,
  help,
  labels: [label],
  read({ books }) {
    const sums = new Map();
    for (const { label: of, [key]: value } of books[`${label}s`].filter((row) => row[key] !== Infinity))
      sums.set(of, (sums.get(of) ?? 0) + value);
    return [...sums].map(([of, sum]) => [{ [label]: of }, sum]);
  },
});

const METRICS = [
  byAccount('tracked', 'By', 'Native bytes that tracked pointers keep alive.', 'bytes'),
  byAccount('pointers', '{pointer}', 'Tracked pointers that are not freed yet.', 'pointers'),
  byAccount(
    'oldest_pointer.age',
    's',
    'Age of the oldest tracked pointer that is not freed yet.',
    'oldestSeconds',
  ),
  total(byAccount('pointers.tracked', '{pointer}', 'Pointers ever tracked.', 'tracked')),
  total({
    name: 'pointers.ended',
    unit: '{pointer}',
    labels: ['account', 'reason'],
    help: 'Tracked pointers that were disposed, collected or released (given away).',
    read: ({ accounts }) =>
      accounts.flatMap((row) => REASONS.map((reason) => [{ account: row.account, reason }, row[reason]])),
  }),
  total(byAccount('charged', 'By', 'Native bytes ever charged for tracked pointers.', 'chargedBytes')),
  total(byAccount('destructor.failures', '{failure}', 'Destructors that threw.', 'failed')),
  single('manual', 'By', 'Bytes charged by hand, with reportExternal().', ({ books }) => books.manual),
  single(
    'peak',
    'By',
    'The most that was ever tracked and charged by hand at a time.',
    ({ books }) => books.peakBytes,
  ),
  single('limit', 'By', 'What new pointers may not pass: configure({ limit }).', ({ limit }) =>
    limit === Number.MAX_SAFE_INTEGER ? Infinity : limit,
  ),
  single(
    'budget',
    'By',
    'What may be garbage before a collection, shared by all threads: configure({ budget }).',
    ({ settings }) => settings.budget,
  ),
  byLabel('gauge', 'gauge', 'By', 'Bytes that a gauge told last.', 'bytes'),
  byLabel('gauge', 'gauge.limit', 'By', 'What new pointers may not have a gauge pass.', 'limit'),
  total(byLabel('gauge', 'gauge.failures', '{failure}', 'Readings of a gauge that failed.', 'failed')),
  byLabel(
    'meter',
    'meter',
    'By',
    'Bytes that a metered allocator counts, those of tracked pointers included.',
    'bytes',
  ),
  single(
    'outside',
    'By',
    'Bytes of meters and gauges that are in the size of no pointer.',
    ({ books }) => books.outside,
  ),
  single(
    'process.usage',
    'By',
    'What the kernel counts, for the process or for the cgroup that limits it.',
    ({ whole }) => whole.memory.usage,
  ),
  single(
    'process.limit',
    'By',
    "What that may not pass: configure({ limit, scope: 'process' }), or the limit of the cgroup.",
    ({ whole }) => whole.memory.limit,
  ),
  single(
    'process.tracked',
    'By',
    'Bytes that are charged in all threads: by pointers, by hand, by meters and gauges.',
    ({ whole }) => whole.bytes + whole.manual + whole.outside,
  ),
  single(
    'process.pointers',
    '{pointer}',
    'Tracked pointers of all threads that are not freed yet.',
    ({ whole }) => whole.pointers,
  ),
  single(
    'process.dead',
    'By',
    'Tracked bytes of all threads that are dead and not freed yet.',
    ({ whole }) => whole.dead.bytes,
  ),
  single(
    'process.environments',
    '{environment}',
    'Threads that use ffi-tally; each copy of it counts.',
    ({ whole }) => whole.environments,
  ),
  single('reported', 'By', 'What V8 has been told of tracked memory.', ({ books }) => books.reported),
  single(
    'external',
    'By',
    "V8's own counter of external memory, Buffers and other addons included.",
    ({ usage }) => usage.counter,
  ),
  single('dead', 'By', 'Tracked bytes that are dead and not freed yet.', ({ books }) => books.dead.bytes),
  single(
    'dead.pointers',
    '{pointer}',
    'Tracked pointers that are dead and not freed yet.',
    ({ books }) => books.dead.pointers,
  ),
  total(
    byKey(
      'type',
      'collections',
      '{collection}',
      'Garbage collections that ffi-tally asked V8 for.',
      ({ books: { collections } }) => ({ minor: collections.minor, major: collections.major }),
    ),
  ),
  total(
    byKey(
      'type',
      'collected',
      'By',
      'Tracked bytes that were freed after these collections.',
      ({ books }) => ({
        minor: books.collections.returnedByMinor,
        major: books.collections.returnedByMajor,
      }),
    ),
  ),
  byKey(
    'term',
    'memory',
    'By',
    'Resident memory of the process as a sum of heap, tracked, buffers, untracked, fragmentation and rest.',
    ({ usage }) => usage.terms,
  ),
  byKey(
    'state',
    'allocator',
    'By',
    'Bytes in the C allocator: used by the program, or kept free.',
    ({ usage: { allocator } }) => ({ used: allocator?.inUse, free: allocator?.held }),
  ),
];

/** Accounts as rows, at most `most` of them and one for all others. `named` remembers which, so that sums only grow. */
function rowsOf(accounts, named, most) {
  const rows = new Map();
  for (const account of accounts) {
    if (named.size < most) named.add(account.label);
    const name = named.has(account.label) ? account.label : OTHER;
    const row = rows.get(name) ?? { account: name, oldestSeconds: undefined };
    for (const key of SUMMED) row[key] = (row[key] ?? 0) + account[key];
    const ages = [row.oldestSeconds, account.oldestSeconds].filter((age) => age !== undefined);
    if (ages.length > 0) row.oldestSeconds = Math.max(...ages);
    rows.set(name, row);
  }
  return [...rows.values()];
}

/** A function that takes all figures now; for all metrics that are read in the same turn, once. */
function snapshots(options) {
  checkOptions(options, ['maxAccounts']);
  const most = checkSize(options.maxAccounts ?? 100, 'maxAccounts');
  const named = new Set();
  let now = null;
  return () => {
    if (now !== null) return now;
    const books = stats({ ages: true });
    now = {
      books,
      usage: memoryUsage(),
      whole: stats({ scope: 'process' }),
      settings: configure(),
      limit: binding.limit(),
      accounts: rowsOf(books.accounts, named, most),
    };
    queueMicrotask(() => (now = null));
    return now;
  };
}

module.exports = { METRICS, snapshots };
