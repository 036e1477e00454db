/** @jest-environment ./test/support/once.js */
'use strict';

const { readRun } = require('../../../lib/tools/cli/record.js');

const account = (label, bytes) => ({ label, bytes, pointers: 1 });
const accounts = (at, thread, ...list) => ({ type: 'accounts', at, thread, accounts: list });

test('the accounts of all threads are added up, until a worker ends', () => {
  const run = readRun([
    { type: 'start', at: 1000, thread: 0 },
    accounts(1100, 0, account('image', 100)),
    accounts(1200, 1, account('image', 20), account('font', 3)),
    accounts(1300, 0, account('image', 50)),
    { type: 'end', at: 1400, thread: 1 },
    { type: 'end', at: 1500, thread: 0 },
  ]);
  expect(run.accounts.map(({ seconds, accounts: list }) => [seconds, list])).toEqual([
    [0.1, [account('image', 100)]],
    [0.2, [{ label: 'image', bytes: 120, pointers: 2 }, account('font', 3)]],
    [0.3, [{ label: 'image', bytes: 70, pointers: 2 }, account('font', 3)]],
    [0.4, [account('image', 50)]],
  ]);
});
