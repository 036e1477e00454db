/** @jest-environment ./test/support/once.js */
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { runChild } = require('../../support/child.js');

const MB = 1e6;
const records = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-compare-'));
afterAll(() => fs.rmSync(records, { recursive: true }));

/** The record of a run of ten seconds that leaves `perSecond` in C, by the function `name`. */
function record(file, perSecond, name) {
  const findings =
    perSecond === 0
      ? []
      : [{ kind: 'leak', function: name, library: 'lib.so', bytes: 10 * perSecond, text: '' }];
  const functions = [{ name, library: 'lib.so', outstanding: 10 * perSecond, freedBy: [], uncertain: [] }];
  const lines = [
    { type: 'start', at: 1000, pid: 7, thread: 0, node: 'v20.0.0' },
    ...Array.from({ length: 101 }, (_, at) => {
      const untracked = 5 * MB + (at / 10) * perSecond;
      const terms = { heap: 20 * MB, buffers: 0, tracked: 0, untracked, fragmentation: 0, rest: 50 * MB };
      return { type: 'sample', at: 1000 + 100 * at, pid: 7, ...terms, rss: 75 * MB + (at / 10) * perSecond };
    }),
    {
      type: 'accounts',
      at: 9000,
      pid: 7,
      thread: 0,
      accounts: [{ label: 'image', bytes: perSecond, pointers: 1 }],
    },
    { type: 'audit', at: 10_500, pid: 7, thread: 0, audit: { calls: 1, functions, findings } },
    { type: 'exit', at: 11_000, code: 0, signal: null },
  ];
  const full = path.join(records, file);
  fs.writeFileSync(full, `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
  return full;
}

const run = (...args) => runChild('bin/ffi-tally.js', { args: ['compare', ...args] });

test('what has changed, and what leaks that did not before', async () => {
  const [clean, leaking] = [record('clean.jsonl', 0, 'scale'), record('leaking.jsonl', 10 * MB, 'scale')];
  const worse = await run(clean, leaking);
  expect(worse.code).toBe(1);
  expect(worse.stdout).toMatch(/^untracked native +5\.00 MB +105 MB +\+100 MB$/m);
  expect(worse.stdout).toMatch(/^image +0 bytes +10\.0 MB +\+10\.0 MB$/m);
  expect(worse.stdout).toMatch(/^scale\(\) +0 bytes +100 MB +\+100 MB$/m);
  expect(worse.stdout).toMatch(/^Before: No leak found/m);
  expect(worse.stdout).toMatch(/^After: Native leak: /m);
  expect(worse.stdout.trim().split('\n').at(-1)).toBe('Leaks now, and did not before: native, scale().');

  const better = await run(leaking, clean);
  expect(better.code).toBe(0);
  expect(better.stdout).toMatch(/^untracked native +105 MB +5\.00 MB +-100 MB$/m);
  expect(better.stdout).toMatch(/Nothing leaks that did not before\.\n$/);
});

test('a leak that was there before is none that is new; another function is', async () => {
  const [one, same] = [record('one.jsonl', 10 * MB, 'scale'), record('same.jsonl', 12 * MB, 'scale')];
  expect(await run(one, same)).toMatchObject({ code: 0 });
  const { code, stdout } = await run('--json', one, record('other.jsonl', 10 * MB, 'clone'));
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ schema: 1, found: ['clone()'], before: { trap: true } });
});

test('what is no record, and not two of them', async () => {
  const no = path.join(records, 'no.jsonl');
  fs.writeFileSync(no, 'nonsense\n');
  expect(await run(no, no)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is no record of ffi-tally'),
  });
  expect(await run(no)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(
      'compare needs two records, not 1: ffi-tally compare before.jsonl after.jsonl',
    ),
  });
});
