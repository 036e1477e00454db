'use strict';
/* global afterAll, afterEach, expect */

const v8 = require('node:v8');
const { collect, configure, memoryUsage, stats } = require('../../lib');
const { gcUntil } = require('./gc-until.js');
const { counters, faultless } = require('./things.js');

const { budget, growth } = configure();

/**
 * For the test that is running, memory may grow by the budget alone, and not by as much as the JavaScript heap has, which
 * is whatever other tests have left there.
 */
function boundByBudget() {
  configure({ growth: Number.MIN_VALUE });
}

/**
 * For the test that is running, the process may grow by a gigabyte before a collection is asked for: a sanitizer keeps what was
 * freed. What is asked for on account of more, or by the test itself, can be counted.
 */
function withRoom() {
  configure({ budget: 1e9 });
}
afterEach(() => void configure({ budget, growth }));

// A test that begins with more garbage than that could be met by a collection of V8's own.
const GARBAGE = 2 ** 24;

const last = { heap: NaN, minor: NaN }; // after the last collection of everything()

/** The library's books and the referee's. */
function books() {
  const { bytes, pointers, manual, reported, dead } = stats();
  return { bytes, pointers, manual, reported, dead, ...counters() };
}

function heap() {
  const { used_heap_size: used, external_memory: external } = v8.getHeapStatistics();
  return used + external;
}

/** Collects all that is dead. */
async function everything() {
  collect();
  // The backend in JavaScript frees on the event loop.
  if (stats().backend === 'javascript') await gcUntil('nothing is left', () => stats().pointers === 0);
  Object.assign(last, { heap: heap(), minor: stats().collections.minor });
}

function expectNothing() {
  expect(books()).toMatchObject({
    ...{ bytes: 0, pointers: 0, manual: 0, reported: 0, dead: { bytes: 0, pointers: 0 } },
    ...{ live: 0, live_bytes: 0, ...faultless },
  });
}

/**
 * Expects the library's books and the referee's to be empty and without a fault, when all that is dead was collected. That
 * is done where there is something, where the pacer has learnt from minor collections, which a next test shall not, and
 * where there is much garbage: it takes longer than most tests. After the last test of the file it is done in any case,
 * which finds what would be freed twice.
 */
async function expectBalance() {
  const { bytes, pointers, manual, reported, live } = books();
  const isEmpty = [bytes, pointers, manual, reported, live].every((count) => count === 0);
  if (!isEmpty || stats().collections.minor !== last.minor || !(heap() - last.heap < GARBAGE))
    await everything();
  expectNothing();
}
afterAll(async () => {
  if (Number.isNaN(last.heap)) return; // expectBalance() was never called
  await everything();
  expectNothing();
});

/** V8's counter of external memory, when collections let go of nothing more of what Node and Jest have in it. */
async function settledCounter() {
  let last;
  await gcUntil("V8's counter stays", () => last === (last = memoryUsage().counter));
  return last;
}

/**
 * Expects V8 to count that much more than at `baseline`, what settledCounter() returned. A few bytes of Node and Jest come and
 * go, fewer than the smallest pointer of such a test has.
 */
function expectCounted(baseline, bytes) {
  expect(Math.abs(memoryUsage().counter - baseline - bytes)).toBeLessThan(100);
}

/** What `attempt` throws; fails when it does not. */
function errorOf(attempt) {
  try {
    attempt();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** Expects `attempt` to throw an error of that class and code, and the books to stay as they were. */
function expectRefusal(attempt, Class, code) {
  const before = stats();
  const error = errorOf(attempt);
  expect(error.code).toBe(code);
  expect(error).toBeInstanceOf(Class);
  const after = stats();
  const { bytes, pointers, manual, reported, dead } = before;
  expect(after).toMatchObject({ bytes, pointers, manual, reported, dead });
  return error;
}

module.exports = {
  boundByBudget,
  errorOf,
  expectBalance,
  expectCounted,
  expectRefusal,
  settledCounter,
  withRoom,
};
