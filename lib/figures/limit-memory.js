'use strict';

const binding = require('../binding');
const { limits } = require('../books/channels');
const { nursery } = require('../books/nursery');
const { largest, readUnowned } = require('../books/unowned');
const { setBound } = require('../reclaim/configure');
const { checkBytes, checkFunction } = require('../support/check');
const { LimitError, UnsupportedError } = require('../support/errors');
const { whatIsAlive } = require('./assert-no-leaks');

const SHOWN = 3; // accounts

let isLimiting = false;

/** What is live, without what is dead. */
async function live() {
  await whatIsAlive();
  nursery.flush();
  readUnowned();
  return binding.live();
}

/** Calls `run`, in which no more than `most` bytes may be live beside those that are. */
async function runWithin(most, run) {
  const limit = Math.min((await live()) + most, Number.MAX_SAFE_INTEGER - 1);
  let excess = 0; // for a test that catches what refuses it a pointer
  const note = (refused) => {
    if (refused.limit === limit) excess = Math.max(excess, refused.bytes + refused.size - limit);
  };
  limits.subscribe(note);
  setBound(limit);
  try {
    const result = await run();
    excess = Math.max(excess, (await live()) - limit); // which no pointer has brought
    if (excess > 0) throw new LimitError(null, 'the test has', most + excess, most, largest(SHOWN));
    return result;
  } finally {
    setBound();
    limits.unsubscribe(note);
  }
}

/** `test`, with a promise that is rejected where it needs more than `bytes` at a time. For what runs tests. */
function limitMemory(bytes, test) {
  const most = checkBytes(bytes, 'bytes');
  checkFunction(test, 'test');
  // Without parameters, which some runners take for a wish: a callback, a fixture.
  return async function () {
    if (isLimiting)
      throw new UnsupportedError('limitMemory() cannot tell apart tests that run at the same time');
    isLimiting = true;
    try {
      return await runWithin(most, () => test.apply(this, arguments));
    } finally {
      isLimiting = false;
    }
  };
}

module.exports = { limitMemory };
