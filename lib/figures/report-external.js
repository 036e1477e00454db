'use strict';

const binding = require('../binding');
const nursery = require('../books/nursery');
const { beat, relieve } = require('../reclaim/reclaim');
const { checkDelta } = require('../support/check');
const { OverflowError, UnbalancedError } = require('../support/errors');

/** Charges bytes by hand, or gives them back. */
function reportExternal(delta) {
  const bytes = checkDelta(delta, 'delta');
  nursery.flush(); // so that what cannot be charged is told here and not to the next pointer
  const total = binding.reportByHand(bytes);
  if (total === -1) throw new UnbalancedError(bytes, binding.reportByHand(0));
  if (total === -2) throw new OverflowError(bytes);
  if (bytes > 0) {
    beat();
    relieve(binding.advise());
  }
  return total;
}

module.exports = { reportExternal };
