/** @jest-environment ./test/support/once.js */
'use strict';
// Verdicts on runs that are made up, so that the figures are known.

const { judge } = require('../../../lib/tools/cli/verdict.js');

const MB = 1e6;
const SECONDS = 20;

/** A run in which each term is a function of the seconds. */
function made(terms, more = {}) {
  const all = {
    heap: () => 20 * MB,
    buffers: () => 0,
    tracked: () => 0,
    untracked: () => 6 * MB,
    rest: () => 50 * MB,
    ...terms,
  };
  const samples = Array.from({ length: SECONDS * 10 + 1 }, (_, at) => {
    const seconds = at / 10;
    const sample = Object.fromEntries(Object.entries(all).map(([name, value]) => [name, value(seconds)]));
    return { seconds, ...sample, rss: Object.values(sample).reduce((sum, value) => sum + (value ?? 0), 0) };
  });
  return {
    samples,
    collections: [{ seconds: 5 }, { seconds: 10 }, { seconds: 15 }],
    accounts: [],
    exit: { code: 0 },
    started: true,
    seconds: SECONDS,
    ...more,
  };
}

test('nothing grows: no trap', () => {
  expect(judge(made({}))).toMatchObject({ kind: 'none', trap: false, exitCode: 0 });
});

test('untracked native memory grows while the heap is flat: a trap, with its rate and its beginning', () => {
  const verdict = judge(made({ untracked: (t) => 6 * MB + Math.max(0, t - 5) * 4 * MB }));
  expect(verdict).toMatchObject({ kind: 'native', trap: true, exitCode: 1 });
  expect(verdict.text).toMatch(
    /^Native leak: memory that nothing tracks grows at (3\.9|4\.0)\d MB\/s, first at 6\.\d s, while/,
  );
  expect(verdict.text).toContain('the JavaScript heap stays at 20.0 MB');
});

test('where the allocator tells nothing, it is in the rest', () => {
  const verdict = judge(made({ untracked: () => undefined, rest: (t) => 50 * MB + t * 5 * MB }));
  expect(verdict).toMatchObject({ kind: 'native', trap: true });
});

test('what counting the blocks takes is in the rest, and no growth of the program', () => {
  const tables = (t) => t * 20 * MB;
  const run = (rest) => judge(made({ rest, tables }));
  expect(run((t) => 50 * MB + tables(t))).toMatchObject({ kind: 'none', trap: false });
  expect(run((t) => 50 * MB + tables(t) + t * 5 * MB)).toMatchObject({ kind: 'native', trap: true });
});

test('memory that was asked for, and is touched later, is no growth of the rest', () => {
  // As in a worker that is terminated, after others have touched as much as it gives back.
  const untracked = (t) => (t < 12 ? 80 * MB : 6 * MB);
  const rest = (t) => Math.min(50, -20 + t * 5) * MB + (t < 12 ? 0 : 10 * MB);
  expect(judge(made({ untracked, rest }))).toMatchObject({ kind: 'none', trap: false });
  expect(judge(made({ rest }))).toMatchObject({ kind: 'native', trap: true });
});

test('a JavaScript leak is called that, whatever native memory comes with it', () => {
  const verdict = judge(made({ heap: (t) => 20 * MB + t * 10 * MB, untracked: (t) => 6 * MB + t * MB }));
  expect(verdict).toMatchObject({ kind: 'javascript', trap: true, exitCode: 1 });
  expect(verdict.text).toMatch(/^JavaScript leak: the heap grows at (9\.9\d|10\.\d) MB\/s/);
});

test('a heap that takes its memory in large steps grows all the same', () => {
  const steps = (t) => 20 * MB + Math.floor(t / 4) * 40 * MB;
  const run = (heapUsed) => made({ heap: steps, heapUsed });
  expect(judge(run((t) => 15 * MB + t * 10 * MB))).toMatchObject({ kind: 'javascript', trap: true });
  expect(judge(run(() => 15 * MB))).toMatchObject({ trap: false });
});

test('a heap that collections bring down again does not grow', () => {
  expect(judge(made({ heap: (t) => 20 * MB + (t % 3) * 30 * MB }))).toMatchObject({ trap: false });
});

test('a cache that fills up and is full is no trap', () => {
  expect(judge(made({ untracked: (t) => 6 * MB + Math.min(t, 8) * 10 * MB }))).toMatchObject({ trap: false });
});

test('one large step is no growth, whatever drifts beside it', () => {
  const rest = (t) => 50 * MB + t * 0.1 * MB + (t < 12 ? 0 : 20 * MB);
  expect(judge(made({ rest }))).toMatchObject({ kind: 'none', trap: false });
});

test.each([
  ['beside one large step', (t) => 2 * t + (t < 12 ? 0 : 100)],
  ['now faster, now slower', (t) => 20 * Math.floor(t / 4) + t],
  ['twice as fast every other second', (t) => 2 ** (t / 2)],
])('a leak %s is one', (_, grown) => {
  const untracked = (t) => (6 + grown(t)) * MB;
  expect(judge(made({ untracked }))).toMatchObject({ kind: 'native', trap: true });
});

test('a leak that becomes ever faster is one', () => {
  expect(judge(made({ untracked: (t) => 6 * MB + t * t * MB }))).toMatchObject({
    kind: 'native',
    trap: true,
  });
});

test('one that fills up ever more slowly is none either', () => {
  const untracked = (t) => 6 * MB + 100 * MB * (1 - Math.exp(-t / 4));
  expect(judge(made({ untracked }))).toMatchObject({ trap: false });
});

test('tracked memory that grows: the accounts are named', () => {
  const accounts = [
    {
      seconds: 19,
      accounts: [
        { label: 'image', bytes: 90 * MB, pointers: 9 },
        { label: 'font', bytes: 1, pointers: 1 },
      ],
    },
  ];
  const verdict = judge(made({ tracked: (t) => t * 15 * MB }, { accounts }));
  expect(verdict).toMatchObject({ kind: 'tracked', trap: true });
  expect(verdict.text).toContain(
    'Largest accounts: image (90.0 MB in 9 pointers), font (1 byte in 1 pointer).',
  );
});

test('Buffers that grow', () => {
  const verdict = judge(made({ buffers: (t) => t * 15 * MB }));
  expect(verdict).toMatchObject({ kind: 'buffers', trap: true });
  expect(verdict.text).toMatch(/^Buffers grow at/);
});

test('what waits for a collection is no trap', () => {
  expect(judge(made({ heap: (t) => 20 * MB + t * 5 * MB }, { collections: [] }))).toMatchObject({
    trap: false,
  });
  const waiting = { tracked: (t) => t * 3 * MB, buffers: (t) => t * 3 * MB };
  expect(judge(made(waiting, { collections: [] }))).toMatchObject({ kind: 'none', trap: false });
});

test('a heap of which nobody knows what is kept is told of', () => {
  const growing = { heap: (t) => 20 * MB + t * 5 * MB };
  for (const collections of [[], [{ seconds: 0.5 }, { seconds: 1 }, { seconds: 15 }]]) {
    const { kind, text } = judge(made(growing, { collections }));
    expect(kind).toBe('none');
    expect(text).toMatch(/No leak found\. The JavaScript heap grew by 8\d\.\d MB/);
  }
});

test('Buffers that are kept through a collection need not be as many', () => {
  const run = (collections) => made({ buffers: (t) => t * 4 * MB }, { collections });
  expect(judge(run([{ seconds: 12 }]))).toMatchObject({ kind: 'buffers', trap: true });
  expect(judge(run([]))).toMatchObject({ kind: 'none', trap: false });
});

test('that a program did next to nothing is said', () => {
  const run = made({});
  run.samples.forEach((sample) => (sample.cpu = 0.5 + sample.seconds / 100));
  expect(judge(run).text).toMatch(/^The program was idle nearly all the time: .*No leak found/);
  run.samples.forEach((sample) => (sample.cpu = 0.5 + sample.seconds / 5));
  expect(judge(run).text).toMatch(/^No leak found/);
});

test.each([
  ['--timeout', '--timeout'],
  ['SIGINT', 'Ctrl-C'],
  ['SIGTERM', 'SIGTERM'],
])('stopped by %s', (stopped, said) => {
  const exit = { code: null, signal: 'SIGTERM', stopped };
  expect(judge(made({}, { exit })).text).toMatch(
    `Stopped by ${said} after 20.0 s. No leak found: no part of the memory grew without end.`,
  );
});

test('what a process that it has started does is told, and what is not watched', () => {
  const leaking = { ...made({ untracked: (t) => t * 4 * MB }), pid: 42, command: ['worker.js', '7'] };
  const run = made({}, { children: [made({}), leaking], unwatched: ['worker 3'] });
  const verdict = judge(run);
  expect(verdict).toMatchObject({ kind: 'native', trap: true, exitCode: 1 });
  expect(verdict.text).toMatch(
    /^No leak found: .*\nProcess 42 \(node worker\.js 7\): Native leak: .*\nNot watched: worker 3\.$/,
  );
  const many = made({}, { children: Array(5).fill(leaking) });
  expect(judge(many).text.split('\n')).toHaveLength(5);
  expect(judge(made({}, { children: [made({})] }))).toMatchObject({ kind: 'none', exitCode: 0 });
});

test('a fragmented heap is one only at the cap', () => {
  const fragmentation = (t) => t * 40 * MB;
  expect(judge(made({ fragmentation }))).toMatchObject({ trap: false });
  const verdict = judge(made({ fragmentation }, { cap: { rss: 876 * MB, seconds: 20 } }));
  expect(verdict).toMatchObject({ kind: 'fragmentation', trap: true });
  expect(verdict.text).toContain('Memory that the C allocator holds free grows');
});

test('with the audit, functions are named', () => {
  const audit = { findings: [{ function: 'image_load', bytes: 70 * MB }] };
  const verdict = judge(made({ untracked: (t) => t * 4 * MB }, { audit }));
  expect(verdict.text).toContain('By the audit: image_load() (70.0 MB).');
  // Also where the leak is too slow to be seen in the sum.
  expect(judge(made({}, { audit }))).toMatchObject({ kind: 'audit', trap: true, exitCode: 1 });
});

/** The same run, in which a thread has been at work and silent since `since`. */
function silentSince(run, since) {
  for (const sample of run.samples)
    sample.silent = sample.seconds > since + 1 ? (sample.seconds - since) * 1000 : 0;
  return run;
}

test('what grows while a thread tells nothing is a trap, but native memory is not accused', () => {
  for (const term of ['untracked', 'rest']) {
    const run = silentSince(made({ [term]: (t) => 6 * MB + t * 4 * MB }), 5);
    const verdict = judge(run);
    expect(verdict).toMatchObject({ kind: 'unclear', trap: true, exitCode: 1 });
    expect(verdict.text).toMatch(/^Leak: memory that nothing tracks grows at [34]\.\d+ MB\/s, first at/);
    expect(verdict.text).toContain('For the last 15.0 s a thread was in a loop and told nothing');
  }
});

test('what had grown before, and what the audit has seen, is native all the same', () => {
  const untracked = (t) => 6 * MB + t * 4 * MB;
  expect(judge(silentSince(made({ untracked }), 15))).toMatchObject({ kind: 'native' });
  const audit = { findings: [{ function: 'image_load', bytes: 70 * MB }] };
  expect(judge(silentSince(made({ untracked }, { audit }), 5))).toMatchObject({ kind: 'native' });
  // A thread that has answered since has told all.
  const answered = silentSince(made({ untracked }), 5);
  answered.samples.at(-1).silent = 0;
  expect(judge(answered)).toMatchObject({ kind: 'native' });
});

test('what V8 knows of is called that, whoever is silent', () => {
  expect(judge(silentSince(made({ buffers: (t) => t * 15 * MB }), 5))).toMatchObject({ kind: 'buffers' });
});

test('stopped at the cap', () => {
  const verdict = judge(
    made(
      { untracked: (t) => t * 40 * MB },
      { cap: { rss: 876 * MB, seconds: 20 }, exit: { code: null, signal: 'SIGKILL' } },
    ),
  );
  expect(verdict).toMatchObject({ kind: 'native', trap: true, exitCode: 1 });
  expect(verdict.text).toMatch(/^Stopped by --rss at 876 MB resident, after 20\.0 s\. Native leak: /);
});

test('V8 ended it', () => {
  const verdict = judge(made({}, { exit: { code: null, signal: 'SIGABRT', heapFull: true } }));
  expect(verdict).toMatchObject({ kind: 'heap', trap: true, exitCode: 1 });
  expect(verdict.text).toMatch(
    /^V8 ended the program because its heap was full\. Either JavaScript keeps more/,
  );
});

test('a program that fails by itself', () => {
  expect(judge(made({}, { exit: { code: 7 } }))).toMatchObject({ trap: false, exitCode: 3 });
  expect(judge(made({}, { exit: { code: 7 } })).text).toContain('The program failed with exit code 7.');
  expect(judge(made({}, { exit: { code: null, signal: 'SIGSEGV' } }))).toMatchObject({ exitCode: 3 });
  // One that we have stopped has not failed.
  expect(judge(made({}, { exit: { code: null, signal: 'SIGTERM', stopped: true } }))).toMatchObject({
    exitCode: 0,
  });
});

test('too short for a judgement', () => {
  const run = made({ untracked: (t) => 6 * MB + t * 20 * MB });
  run.samples.length = 12;
  run.seconds = 1.2;
  expect(judge(run)).toMatchObject({
    kind: 'none',
    trap: false,
    text: 'It ran for 1.2 s: too short to judge, which takes 1.5 s.',
  });
  expect(judge({ ...run, cap: { rss: 876 * MB, seconds: 1.2 } })).toMatchObject({
    kind: 'native',
    trap: true,
  });
});
