'use strict';
// What a collection has freed is needed again at once: it must not go back to the kernel in between.

const { memoryUsage } = require('../../lib');
const { runChild } = require('../support/child.js');

const MIB = 2 ** 20;
const COUNT = 40;
const PAGE = 4096;

const loop = `
  const koffi = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');
  const { collect, track } = require('./lib');
  const libc = koffi.load(null);
  const malloc = libc.func('void *malloc(size_t bytes)');
  const memset = libc.func('void *memset(void *block, int value, size_t bytes)');
  const free = libc.symbol('free', 'void *');
  const make = () => {
    const block = malloc(${MIB});
    memset(block, 1, ${MIB});
    return track(block, { size: ${MIB}, free });
  };
  const round = () => {
    for (let i = 0; i < ${COUNT}; i++) make();
    collect();
  };
  for (let i = 0; i < 5; i++) round();
  const before = process.resourceUsage().minorPageFault;
  for (let i = 0; i < 10; i++) round();
  console.log(process.resourceUsage().minorPageFault - before);
`;

// glibc it is, and as it comes.
const isGlibc = process.platform === 'linux' && memoryUsage().allocator !== undefined;
const isAsIs = !Object.keys(process.env).some((name) => /^(MALLOC_|GLIBC_TUNABLES)/.test(name));

(isGlibc && isAsIs ? test : test.skip)('blocks that come after a collection reuse the pages', async () => {
  const { code, stdout, stderr } = await runChild(loop, { execArgv: ['--expose-gc'] });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  // What one of the ten rounds takes.
  expect(Number(stdout)).toBeLessThan((COUNT * MIB) / PAGE);
});
