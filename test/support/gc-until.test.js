'use strict';

const { runChild } = require('./child.js');
const { gcUntil } = require('./gc-until.js');

test('resolves once the condition holds', async () => {
  const weak = new WeakRef({});
  expect(await gcUntil('the object is gone', () => weak.deref() === undefined)).toBe(true);
});

test('rejects with the name of what never came', async () => {
  const kept = {};
  const weak = new WeakRef(kept);
  const waiting = gcUntil('what is kept is gone', () => weak.deref() === undefined, 3);
  await expect(waiting).rejects.toThrow('Not after 3 garbage collections: what is kept is gone');
  expect(weak.deref()).toBe(kept);
});

test.each([[[]], [['--expose-gc']]])('works in a process started with %j', async (execArgv) => {
  const code = `
    const { gcUntil } = require('./test/support/gc-until.js');
    const weak = new WeakRef({});
    gcUntil('the object is gone', () => weak.deref() === undefined).then(() => console.log('gone'));
  `;
  expect(await runChild(code, { execArgv })).toEqual({ code: 0, signal: null, stdout: 'gone\n', stderr: '' });
});

test('leaves the contexts of others without gc()', async () => {
  const code = `
    require('./test/support/gc-until.js');
    console.log(typeof gc, require('node:vm').runInNewContext('typeof gc'));
  `;
  expect((await runChild(code)).stdout).toBe('undefined undefined\n');
});
