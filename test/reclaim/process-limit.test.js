/** @jest-environment ./test/support/once.js */
'use strict';
// configure({ limit, scope: 'process' }), and what the kernel counts.

const path = require('node:path');
const { runChild } = require('../support/child.js');
const { MemoryCgroup, canGroup } = require('../support/memory-cgroup.js');
const { some } = require('../support/whole.js');

const MIB = 2 ** 20;
const program = path.join(__dirname, '../programs/reclaim/process-limit.js');
const linux = process.platform === 'linux' ? test : test.skip;

async function run(...args) {
  const { stdout, stderr, code, signal } = await runChild(program, { args: args.map(String) });
  expect({ stderr, code, signal }).toEqual({ stderr: '', code: 0, signal: null });
  return JSON.parse(stdout);
}

linux.each(some(['right', 'zero', 'small', 'huge'], 'zero'))(
  'garbage is bounded, whatever sizes are said: %s',
  async (what) => {
    const { peak, error } = await run(what);
    expect(error).toBeUndefined();
    expect(peak).toBeLessThan(400 * MIB); // 800 MiB are tracked; the machine may be busy
  },
);

linux('minor collections do where those for what was said have paid', async () => {
  expect((await run('mixed')).majors).toBeLessThan(5);
});

linux('minor collections do for small blocks above large ones that stay', async () => {
  expect((await run('above')).majors).toBeLessThan(5);
});

linux('what is alive ends in an error that names it, and in no kill', async () => {
  const { error, kept, memory } = await run('live', 256 * MIB);
  expect(error).toMatchObject({ code: 'ERR_TALLY_LIMIT' });
  expect(error.message).toContain('block (');
  expect(error.message).toContain('the limit is 268 MB');
  expect(kept).toBeGreaterThan(8);
  expect(memory.limit).toBe(256 * MIB);
  expect(memory.usage).toBeLessThan(256 * MIB);
});

linux('who waits for other threads does not collect again what it has collected', async () => {
  const { error, majors } = await run('beside', 256 * MIB);
  expect(error).toBeUndefined();
  expect(majors).toBeGreaterThan(0);
  expect(majors).toBeLessThan(40); // a wait has 100 occasions
});

linux.each(some(['right', 'zero', 'small', 'huge', 'cache'], 'small', 'cache'))(
  'near the limit garbage makes room: %s',
  async (what) => {
    expect((await run(what, 192 * MIB)).error).toBeUndefined();
  },
);

const isPossible = canGroup();
if (!isPossible) process.emitWarning('No memory cgroup may be made here: the limit of one is not tested');

(isPossible ? describe : describe.skip)('in a memory cgroup', () => {
  let group;
  beforeAll(() => (group = new MemoryCgroup()));
  afterAll(() => group.remove());

  function inCgroup(bytes, ...args) {
    group.limitTo(bytes);
    return runChild(group.codeFor(program, args));
  }

  test.each(some(['right', 'zero', 'small', 'huge', 'live'], 'right', 'live'))(
    'its limit is in force by itself: %s',
    async (what) => {
      const { stdout, signal } = await inCgroup(256 * MIB, what);
      expect(signal).toBeNull();
      const { error, memory } = JSON.parse(stdout);
      expect(memory.limit).toBe(256 * MIB);
      if (what === 'live') expect(error.code).toBe('ERR_TALLY_LIMIT');
      else expect(error).toBeUndefined();
    },
  );

  test('and is followed when it is lowered', async () => {
    const { stdout, signal } = await inCgroup(512 * MIB, 'lowered', group.limitFile);
    expect(signal).toBeNull();
    const { error, memory } = JSON.parse(stdout);
    expect(error.code).toBe('ERR_TALLY_LIMIT');
    expect(memory.limit).toBe(192 * MIB);
  });
});
