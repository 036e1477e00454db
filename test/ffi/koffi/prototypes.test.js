/** @jest-environment ./test/support/once.js */
'use strict';
// Random prototypes with ownership. See prototypes.js.

const { runChild } = require('../../support/child.js');
const { times } = require('../../support/whole.js');

const runs = process.env.FFI_TALLY_TEST_RUNS ?? String(times(20, 60));

test.each([[[]], [['--expose-gc']]])(
  `${runs} random programs, with %j`,
  async (execArgv) => {
    const child = await runChild('test/ffi/koffi/prototypes.js', {
      args: [runs],
      execArgv,
      timeout: 600_000,
    });
    // On failure this shows the seed, and what was declared and called.
    expect(child.stderr).toBe('');
    expect(child).toMatchObject({ code: 0, signal: null });
    const { declared, refused, calls, refusedCalls } = JSON.parse(child.stdout);
    expect(Math.min(declared, refused, calls, refusedCalls)).toBeGreaterThan(Number(runs));
  },
  600_000,
);
