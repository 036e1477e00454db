'use strict';
/* global afterEach, expect */

const { collect, configure, stats } = require('../../lib');
const { gcUntil } = require('./gc-until.js');
const { counters, faultless } = require('./things.js');

const { growth } = configure();

/**
 * For the test that is running, memory may grow by the budget alone, and not by as much as the JavaScript heap has, which
 * is whatever other tests have left there.
 */
function boundByBudget() {
  configure({ growth: Number.MIN_VALUE });
}
afterEach(() => void configure({ growth }));

/** Collects, and expects the library's books and the referee's to be empty and without a fault. */
async function expectBalance() {
  collect();
  // The backend in JavaScript frees on the event loop.
  if (stats().backend === 'javascript') await gcUntil('nothing is left', () => stats().pointers === 0);
  const { bytes, pointers, manual, reported, dead } = stats();
  expect({ bytes, pointers, manual, reported, dead }).toEqual({
    bytes: 0,
    pointers: 0,
    manual: 0,
    reported: 0,
    dead: { bytes: 0, pointers: 0 },
  });
  expect(counters()).toMatchObject({ live: 0, live_bytes: 0, ...faultless });
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

module.exports = { boundByBudget, errorOf, expectBalance, expectRefusal };
