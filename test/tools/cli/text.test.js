/** @jest-environment ./test/support/once.js */
'use strict';

const { formatRun } = require('../../../lib/tools/cli/text.js');
const { judge } = require('../../../lib/tools/cli/verdict.js');
const { pageOf } = require('../../support/page.js');

function day() {
  const terms = { heap: 20e6, buffers: 0, tracked: 0, untracked: 6e6, fragmentation: 0, rest: 50e6 };
  // More than a call may have arguments.
  const samples = Array.from({ length: 172_800 }, (_, at) => ({ seconds: at / 2, rss: 76e6, ...terms }));
  samples[86_401].rss = 99e6;
  return {
    samples,
    collections: samples.map(({ seconds }) => ({ seconds })),
    accounts: [],
    limits: {},
    exit: { code: 0 },
    started: true,
    seconds: 86_400,
  };
}

test('a day of samples and collections', () => {
  const run = day();
  const verdict = judge(run);
  expect(verdict.kind).toBe('none');
  expect(formatRun(run, verdict)).toMatch(/^resident +76\.0 MB +99\.0 MB +76\.0 MB$/m);
});

test('the page of a day', async () => {
  expect((await pageOf(`(${day})()`)).length).toBeLessThan(500_000);
});

/** A short run at whose end there are `count` accounts, account 0 the smallest, and which came near its cap. */
function withAccounts(count) {
  const terms = { heap: 20e6, buffers: 0, tracked: 0, untracked: 6e6, fragmentation: 0, rest: 50e6 };
  const seconds = [0, 1, 2, 3];
  const accounts = Array.from({ length: count }, (_, at) => ({
    label: `account ${at}`,
    bytes: (at + 1) * 1e6,
    pointers: at,
  }));
  return {
    command: ['app.js'],
    samples: seconds.map((at) => ({ seconds: at, rss: 76e6, ...terms })),
    collections: [],
    accounts: seconds.map((at) => ({ seconds: at, accounts })),
    cap: { seconds: 3, rss: 76e6 },
    limits: { rss: 75e6 },
    exit: { code: null, signal: 'SIGKILL' },
    started: true,
    seconds: 3,
  };
}

test('the ten largest accounts, the largest first', () => {
  const run = withAccounts(12);
  const lines = formatRun(run, judge(run)).split('\n');
  const first = lines.findIndex((line) => /^account +live +pointers$/.test(line)) + 2;
  expect(lines.slice(first, first + 11)).toEqual([
    expect.stringMatching(/^account 11 +12\.0 MB +11$/),
    ...[10, 9, 8, 7, 6, 5, 4, 3].map((at) => expect.stringMatching(new RegExp(`^account ${at} .* ${at}$`))),
    expect.stringMatching(/^account 2 +3\.00 MB +2$/),
    '',
  ]);
});

test('the page has the others of many accounts in one, and the cap', async () => {
  const page = await pageOf(`(${withAccounts})(12)`);
  expect(page).toMatch(/<title>5 others<\/title>/);
  expect(page).not.toContain('<title>account 4</title>');
  expect(page).toContain('<title>account 5</title>');
  expect(page).toContain('stopped at 75.0 MB');
});
