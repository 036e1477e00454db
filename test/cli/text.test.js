'use strict';

const { formatRun } = require('../../lib/cli/text.js');
const { judge } = require('../../lib/cli/verdict.js');
const { pageOf } = require('../support/page.js');

function day() {
  const terms = { heap: 20e6, buffers: 0, tracked: 0, untracked: 6e6, fragmentation: 0, rest: 50e6 };
  const samples = Array.from({ length: 864_000 }, (_, at) => ({ seconds: at / 10, rss: 76e6, ...terms }));
  samples[432_001].rss = 99e6;
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
