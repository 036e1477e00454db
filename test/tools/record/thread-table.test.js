/** @jest-environment ./test/support/once.js */
'use strict';

const { THREAD_TABLE_BYTES, ThreadTable } = require('../../../lib/tools/record/thread-table.js');

test('the figures of all threads are added up, until a thread ends and its workers with it', () => {
  const buffer = new SharedArrayBuffer(THREAD_TABLE_BYTES);
  const threadTable = new ThreadTable(buffer);
  const [main, worker, nested, other] = [
    [0, -1, 77],
    [1, 0],
    [2, 1],
    [3, 0],
  ].map((ids) => threadTable.take(...ids));
  main({ publishedAt: 40, heapUsed: 1000, mapped: 1 });
  worker({ publishedAt: 30, heapUsed: 200, mapped: 1 });
  nested({ publishedAt: 20, heapUsed: 30, mapped: 1 });
  other({ publishedAt: 50, heapUsed: 4, mapped: 1 });
  const sampler = new ThreadTable(buffer);
  expect(sampler.sum()).toMatchObject({ heapUsed: 1234, mapped: 4, counter: undefined });
  expect(threadTable.leave(1).sort()).toEqual([1, 2]);
  expect(sampler.sum()).toMatchObject({ heapUsed: 1004 });
  expect(sampler.threads()).toEqual([
    { threadId: 0, task: 77, publishedAt: 40 },
    { threadId: 3, task: 0, publishedAt: 50 },
  ]);
  expect(threadTable.leave(1)).toEqual([]);
  // Whoever comes next has nothing of the one before.
  threadTable.take(4, 0);
  expect(sampler.sum()).toMatchObject({ heapUsed: 1004 });
});

test('a thread for which there is no row publishes nothing', () => {
  const threadTable = new ThreadTable(new SharedArrayBuffer(THREAD_TABLE_BYTES));
  for (let thread = 0; thread < 1000; thread++) threadTable.take(thread, -1)({ publishedAt: 1, heapUsed: 1 });
  expect(threadTable.sum().heapUsed).toBe(256);
  expect(threadTable.leave(999)).toEqual([]);
});
