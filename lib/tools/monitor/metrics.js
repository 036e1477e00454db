'use strict';
// What is told to Prometheus and to OpenTelemetry, in one table, so that both get the same names: those that
// OpenTelemetry's own exporter for Prometheus would make of `name` and `unit`.

const { memoryUsage } = require('../../figures/memory-usage');
const { stats } = require('../../figures/stats');
const { configure } = require('../../reclaim/configure');
const { checkOptions, checkSize } = require('../../support/check');

const REASONS = ['disposed', 'collected', 'released'];
const SUMMED = ['bytes', 'pointers', 'tracked', 'chargedBytes', 'failed', ...REASONS];
const OTHER = 'other';

const byAccount = (key) => (now) => now.accounts.map((row) => [{ account: row.account }, row[key]]);
const alone = (get) => (now) => [[{}, get(now)]];

// Of each: { name, unit, total (whether it only grows), labels, help, read }. read() gives [labels, value] pairs; what is
// not known has none.
const METRICS = [
  {
    name: 'tracked',
    unit: 'By',
    labels: ['account'],
    help: 'Native bytes that tracked pointers keep alive.',
    read: byAccount('bytes'),
  },
  {
    name: 'pointers',
    unit: '{pointer}',
    labels: ['account'],
    help: 'Tracked pointers that are not freed yet.',
    read: byAccount('pointers'),
  },
  {
    name: 'oldest_pointer.age',
    unit: 's',
    labels: ['account'],
    help: 'Age of the oldest tracked pointer that is not freed yet.',
    read: (now) => byAccount('oldestSeconds')(now).filter(([, age]) => age !== undefined),
  },
  {
    name: 'pointers.tracked',
    unit: '{pointer}',
    total: true,
    labels: ['account'],
    help: 'Pointers ever tracked.',
    read: byAccount('tracked'),
  },
  {
    name: 'pointers.ended',
    unit: '{pointer}',
    total: true,
    labels: ['account', 'reason'],
    help: 'Tracked pointers that were disposed, collected or released (given away).',
    read: ({ accounts }) =>
      accounts.flatMap((row) => REASONS.map((reason) => [{ account: row.account, reason }, row[reason]])),
  },
  {
    name: 'charged',
    unit: 'By',
    total: true,
    labels: ['account'],
    help: 'Native bytes ever charged for tracked pointers.',
    read: byAccount('chargedBytes'),
  },
  {
    name: 'destructor.failures',
    unit: '{failure}',
    total: true,
    labels: ['account'],
    help: 'Destructors that threw.',
    read: byAccount('failed'),
  },
  {
    name: 'manual',
    unit: 'By',
    labels: [],
    help: 'Bytes charged by hand, with reportExternal().',
    read: alone(({ books }) => books.manual),
  },
  {
    name: 'peak',
    unit: 'By',
    labels: [],
    help: 'The most that was ever tracked and charged by hand at a time.',
    read: alone(({ books }) => books.peakBytes),
  },
  {
    name: 'limit',
    unit: 'By',
    labels: [],
    help: 'What new pointers may not pass: configure({ limit }).',
    read: alone(({ limit }) => limit),
  },
  {
    name: 'reported',
    unit: 'By',
    labels: [],
    help: 'What V8 has been told of tracked memory.',
    read: alone(({ books }) => books.reported),
  },
  {
    name: 'external',
    unit: 'By',
    labels: [],
    help: "V8's own counter of external memory, Buffers and other addons included.",
    read: alone(({ usage }) => usage.counter),
  },
  {
    name: 'dead',
    unit: 'By',
    labels: [],
    help: 'Tracked bytes that are dead and not freed yet.',
    read: alone(({ books }) => books.dead.bytes),
  },
  {
    name: 'dead.pointers',
    unit: '{pointer}',
    labels: [],
    help: 'Tracked pointers that are dead and not freed yet.',
    read: alone(({ books }) => books.dead.pointers),
  },
  {
    name: 'collections',
    unit: '{collection}',
    total: true,
    labels: ['type'],
    help: 'Garbage collections that ffi-tally asked V8 for.',
    read: ({ books: { collections } }) => [
      [{ type: 'minor' }, collections.minor],
      [{ type: 'major' }, collections.major],
    ],
  },
  {
    name: 'collected',
    unit: 'By',
    total: true,
    labels: ['type'],
    help: 'Tracked bytes that were freed after these collections.',
    read: ({ books: { collections } }) => [
      [{ type: 'minor' }, collections.returnedByMinor],
      [{ type: 'major' }, collections.returnedByMajor],
    ],
  },
  {
    name: 'memory',
    unit: 'By',
    labels: ['term'],
    help: 'Resident memory of the process as a sum of heap, tracked, buffers, untracked, fragmentation and rest.',
    read: ({ usage }) =>
      Object.entries(usage.terms)
        .filter(([, value]) => value !== undefined)
        .map(([term, value]) => [{ term }, value]),
  },
  {
    name: 'allocator',
    unit: 'By',
    labels: ['state'],
    help: 'Bytes in the C allocator: used by the program, or kept free.',
    read: ({ usage: { allocator } }) =>
      allocator === undefined
        ? []
        : [
            [{ state: 'used' }, allocator.inUse],
            [{ state: 'free' }, allocator.held],
          ],
  },
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
      limit: configure().limit,
      accounts: rowsOf(books.accounts, named, most),
    };
    queueMicrotask(() => (now = null));
    return now;
  };
}

module.exports = { METRICS, snapshots };
