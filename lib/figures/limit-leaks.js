'use strict';

const { checkFunction, checkSize } = require('../support/check');
const { assertFewLeaks, whatIsAlive } = require('./assert-no-leaks');

/** `test`, with a promise that is rejected where it leaves more than `bytes` alive. For what runs tests. */
function limitLeaks(bytes, test) {
  const most = checkSize(bytes, 'bytes');
  checkFunction(test, 'test');
  // Without parameters, which some runners take for a wish: a callback, a fixture.
  return async function () {
    const before = await whatIsAlive();
    const result = await test.apply(this, arguments);
    await assertFewLeaks(before, most);
    return result;
  };
}

module.exports = { limitLeaks };
