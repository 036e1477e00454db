'use strict';

const { trim } = require('../../lib');
const { stranger } = require('../support/build.js')();
const { runChild } = require('../support/child.js');

test('tells how many bytes went back, where the platform can', () => {
  const bytes = trim();
  const can = process.platform === 'darwin' || process.report.getReport().header.glibcVersionRuntime;
  if (can) expect(bytes).toBeGreaterThanOrEqual(0);
  else expect(bytes).toBe(undefined);
});

(process.platform === 'linux' ? test : test.skip)(
  'where malloc is a stranger, nothing is trimmed',
  async () => {
    const child = await runChild('console.log(require("./lib").trim())', { env: { LD_PRELOAD: stranger } });
    expect(child).toEqual({ code: 0, signal: null, stdout: 'undefined\n', stderr: '' });
  },
);

// How many bytes come back is tested where terms are: test/figures/memory-usage.test.js.
