/** @jest-environment ./test/support/once.js */
'use strict';
// Random programs against a plain JavaScript model; the referee is the judge. See support/model.js. A few, to see that they
// run and hold: scripts/fuzz.js runs many.

const { runChild } = require('./support/child.js');
const { times } = require('./support/whole.js');

const runs = process.env.FFI_TALLY_TEST_RUNS ?? String(times(6, 100));

test.each([
  ['native', []],
  ['native', ['--expose-gc']],
  ['javascript', []],
])(
  `${runs} random programs on the %s backend, with %j`,
  async (backend, execArgv) => {
    const env = { FFI_TALLY_BACKEND: backend };
    if (backend === 'javascript') env.FFI_TALLY_TEST_KOFFI = 'koffi'; // it does not know Koffi 2
    const child = await runChild('test/support/model.js', {
      args: [runs],
      execArgv: [...execArgv, '--no-warnings'], // the program prints them
      env,
      timeout: 600_000,
    });
    // On failure this shows the seed, and the program.
    expect(child.stderr).toBe('');
    expect(child).toMatchObject({ code: 0, signal: null });
    const { tracked, freed } = JSON.parse(child.stdout);
    expect(tracked).toBeGreaterThan(Number(runs));
    expect(freed).toBeGreaterThan(Number(runs));
  },
  610_000,
);

test('random programs that hand pointers from worker to worker, where the main thread does not know the library', async () => {
  const child = await runChild('test/support/transit-model.js', { args: ['100'] });
  expect(child.stderr).toBe('');
  expect(child).toMatchObject({ code: 0, signal: null });
  const { made, ended } = JSON.parse(child.stdout);
  expect(made).toBeGreaterThan(2);
  expect(ended).toBeGreaterThan(2);
});
