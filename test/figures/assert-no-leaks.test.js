'use strict';

const { assertNoLeaks, configure, reportExternal, stats, track } = require('../../lib');
const { expectBalance } = require('../support/balance.js');
const things = require('../support/things.js');
const { FREE } = things;

beforeEach(things.reset);
afterEach(() => configure({ trace: 0 }));
afterEach(expectBalance);

const make = (bytes, label, options) =>
  track(things.make(bytes), { size: bytes, free: FREE, label, ...options });

test('what is garbage is no leak', async () => {
  const before = stats();
  (() => {
    for (let i = 0; i < 300; i++) make(100, 'garbage');
  })();
  await assertNoLeaks(before);
  await assertNoLeaks();
  expect(things.counters().live).toBe(0);
});

test('what is alive is, with its account and how much it is', async () => {
  const old = make(1, 'leaking');
  const before = stats();
  const kept = [make(100, 'leaking'), make(200, 'leaking'), make(3, 'another')];
  const error = await assertNoLeaks(before).then(
    () => null,
    (reason) => reason,
  );
  expect(error).toMatchObject({
    name: 'Error',
    code: 'ERR_TALLY_LEAK',
    leaks: [
      { label: 'leaking', pointers: 2, bytes: 300, traces: [] },
      { label: 'another', pointers: 1, bytes: 3, traces: [] },
    ],
  });
  expect(error.message.split('\n')).toEqual([
    'More is alive after garbage collections than before:',
    '  leaking: 2 pointers, 300 bytes',
    '  another: 1 pointer, 3 bytes',
    'With FFI_TALLY_TRACE=1 this says where they were made',
  ]);
  for (const pointer of kept) pointer.dispose();
  await assertNoLeaks(before);
  await expect(assertNoLeaks()).rejects.toMatchObject({ leaks: [{ label: 'leaking', pointers: 1 }] });
  old.dispose();
});

test('where it was made, if that is traced', async () => {
  configure({ trace: 1 });
  const culprit = (kept) => kept.push(make(10, 'traced leak'));
  const kept = [];
  culprit(kept);
  const before = stats();
  for (let i = 0; i < 2; i++) culprit(kept);
  const error = await assertNoLeaks(before).catch((reason) => reason);
  const [{ traces }] = error.leaks;
  expect(traces).toMatchObject([{ pointers: 2, bytes: 20 }]); // the third is from another line
  expect(error.message).toMatch(/^ {4}2 of them made\n +at make .*\n +at culprit \(.*assert-no-leaks/m);
  expect(error.message).not.toContain('FFI_TALLY_TRACE');
  for (const pointer of kept) pointer.dispose();
});

test('bytes charged by hand', async () => {
  reportExternal(5);
  const before = stats();
  await assertNoLeaks(before);
  reportExternal(7);
  await expect(assertNoLeaks(before)).rejects.toMatchObject({
    leaks: [{ label: 'reportExternal()', pointers: 0, bytes: 7 }],
  });
  reportExternal(-12);
});

test('what the event loop is about to let go of', async () => {
  const before = stats();
  let kept = make(10, 'in flight');
  setImmediate(() => {
    kept.dispose();
    kept = null;
  });
  await assertNoLeaks(before);
});

test.each([[null], [5], [{}], [{ accounts: [] }]])('%p is no state to compare with', async (since) => {
  await expect(assertNoLeaks(since)).rejects.toMatchObject({ code: 'ERR_TALLY_INVALID_ARG_TYPE' });
});

test('what was collected there before is no part of it', async () => {
  configure({ trace: 1 });
  // So deep that who calls it is no part of the place.
  const push = (list, depth = 20) =>
    depth > 0 ? push(list, depth - 1) : list.push(make(10, 'collected before'));
  (() => push([]))();
  await assertNoLeaks(); // collects
  const before = stats();
  const kept = [];
  push(kept);
  const error = await assertNoLeaks(before).catch((reason) => reason);
  const { label, stack } = error.leaks[0].traces[0];
  expect(stats().traces.find((trace) => trace.stack === stack)).toMatchObject({ label, collected: 1 });
  expect(error.leaks[0].traces).toMatchObject([{ pointers: 1, collected: 0 }]);
  kept.pop().dispose();
});
