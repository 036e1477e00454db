'use strict';

const binding = require('../binding');
const calls = require('../books/c-calls');
const { unpinIdle } = require('../books/kinds');
const nursery = require('../books/nursery');
const { checkOptions } = require('../support/check');
const { ArgumentValueError } = require('../support/errors');
const gc = require('./gc');
const { collectMajor, collectMinor, reclaim } = require('./reclaim');

const MINOR = 1;
const MAJOR = 2;

/** Asks for a garbage collection and frees what it found dead. */
function collect(options = {}) {
  checkOptions(options, ['type']);
  const { type = 'major' } = options;
  if (type !== 'major' && type !== 'minor') {
    throw new ArgumentValueError(type, 'type', `'major' or 'minor'`);
  }
  nursery.flush();
  // Called back from C, or from a destructor: nothing may be freed now, so there is nothing to look for.
  if (calls.depth !== 0) return { bytes: 0, pointers: 0 };
  const before = binding.stats();
  if (gc.canCollect()) {
    if (type === 'minor') {
      binding.watchEach();
      collectMinor();
    } else {
      collectMajor();
    }
    reclaim(type === 'major' ? MAJOR : MINOR);
  } else {
    reclaim(0);
  }
  nursery.flush();
  unpinIdle();
  const after = binding.stats();
  return {
    bytes: Math.max(before.bytes - after.bytes, 0),
    pointers: Math.max(before.pointers - after.pointers, 0),
  };
}

module.exports = { collect };
