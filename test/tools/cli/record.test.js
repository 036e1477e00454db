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

test('a Koffi that Jest has loaded is not watched, unless the audit has seen calls of it all the same', () => {
  const audited = (pid, functions) => ({
    type: 'audit',
    pid,
    at: 1100,
    audit: { measures: true, calls: 0, seconds: 1, functions, findings: [] },
  });
  const resize = { name: 'resize', library: 'x', places: [], freedBy: [], uncertain: [], calls: 1 };
  const { unwatched } = readRun([
    { type: 'main', main: 1 },
    ...[1, 2].flatMap((pid) => [
      { type: 'start', pid, at: 1000, thread: 0 },
      { type: 'unreplaced', pid, at: 1050 },
    ]),
    audited(1, []),
    audited(2, [resize]),
  ]);
  expect(unwatched).toEqual([
    "the Koffi of process 1, which something like Jest has loaded in its own way (require 'ffi-tally/audit' in its place)",
  ]);
});
