/** @jest-environment ./test/support/once.js */
'use strict';
// What a collection has freed is needed again at once: it must not go back to the kernel in between.

const { runChild } = require('../support/child.js');

const MIB = 2 ** 20;
const COUNT = 40;
const PAGE = 4096;

// glibc it is, and as it comes.
const isGlibc = process.report.getReport().header.glibcVersionRuntime !== undefined;
const isAsIs = !Object.keys(process.env).some((name) => /^(MALLOC_|GLIBC_TUNABLES)/.test(name));

(isGlibc && isAsIs ? test : test.skip)('blocks that come after a collection reuse the pages', async () => {
  const { code, stdout, stderr } = await runChild('test/programs/reclaim/page-faults.js', {
    args: [COUNT, MIB].map(String),
    execArgv: ['--expose-gc'],
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  // What one of the ten rounds takes.
  expect(Number(stdout)).toBeLessThan((COUNT * MIB) / PAGE);
});
