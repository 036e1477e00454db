/** @jest-environment ./test/support/once.js */
'use strict';

const { runChild } = require('./child.js');

test('code, with arguments and an environment', async () => {
  const code =
    'console.log(process.argv.slice(1), process.env.CHILD_TEST, process.execArgv.includes("--expose-gc"))';
  const child = await runChild(code, {
    args: ['--a', 'b'],
    env: { CHILD_TEST: 'yes' },
    execArgv: ['--expose-gc'],
  });
  expect(child).toEqual({ code: 0, signal: null, stdout: "[ '--a', 'b' ] yes true\n", stderr: '' });
});

test('a file, relative to the repository', async () => {
  const child = await runChild('scripts/nodes.js');
  expect(child).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
});

test('an exit code and an error', async () => {
  const { code, signal, stderr } = await runChild('throw new Error("on purpose")');
  expect({ code, signal }).toEqual({ code: 1, signal: null });
  expect(stderr).toContain('Error: on purpose');
});

test('a death', async () => {
  const { code, signal } = await runChild('process.abort()');
  expect({ code, signal }).toEqual({ code: null, signal: 'SIGABRT' });
});

test('a child that does not end is stopped, and says so', async () => {
  const child = await runChild('for (;;);', { timeout: 500 });
  expect(child).toMatchObject({ code: null, signal: 'SIGKILL' });
  expect(child.stderr).toContain('not ended after 500 ms');
});
