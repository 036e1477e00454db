/** @jest-environment ./test/support/once.js */
'use strict';
// The hooks of real libraries, each in a process of its own, because hooks are for a whole process. What the library
// allocates is counted, and when it has given everything back, so has the meter.

const { libraries } = require('../programs/figures/metered-libraries.js');
const { runChild } = require('../support/child.js');
const { combinations } = require('../support/whole.js');

const run = async ({ name, library }, ...how) => {
  const args = [name, ...how];
  const { stdout, ...rest } = await runChild('test/programs/figures/metered-libraries.js', { args });
  expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
  if (stdout === 'missing\n') {
    const text = `${library} is not installed: its hook is not tested`;
    if (process.env.CI === 'true') throw new Error(text);
    process.emitWarning(text);
    return;
  }
  expect(stdout).toBe('');
};

test.each(libraries)('$name', (library) => run(library));
test.each(libraries.slice(0, 1))('$name, checked', (library) => run(library, 'checked'));
combinations.test.each(libraries.slice(1, 4))('$name, checked', (library) => run(library, 'checked'));
