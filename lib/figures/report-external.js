'use strict';

const binding = require('../binding');
const { nursery } = require('../books/nursery');
const majorListener = require('../reclaim/major-listener');
const { follow } = require('../reclaim/reclaim');
const { checkDelta } = require('../support/check');
const { OverflowError, UnbalancedError } = require('../support/errors');

const { BELOW_ZERO, TOO_MUCH } = binding.protocol.reported;

/** Charges bytes by hand, or gives them back. */
function reportExternal(delta) {
  const bytes = checkDelta(delta, 'delta');
  nursery.flush(); // so that what cannot be charged is told here and not to the next pointer
  const total = binding.reportByHand(bytes);
  if (total === BELOW_ZERO) throw new UnbalancedError(bytes, binding.reportByHand(0));
  if (total === TOO_MUCH) throw new OverflowError(bytes);
  if (bytes > 0) {
    majorListener.listen();
    follow();
  }
  return total;
}

module.exports = { reportExternal };
