'use strict';

const binding = require('../binding');
const calls = require('../books/c-calls');
const { kinds } = require('../books/kinds');
const { recover } = require('../books/in-hand');
const { nursery } = require('../books/nursery');
const { checkOptions } = require('../support/check');
const { ArgumentValueError } = require('../support/errors');
const { collectNow } = require('./reclaim');
const turn = require('./turn');

/** Asks for a garbage collection and frees what it found dead. */
function collect(options = {}) {
  checkOptions(options, ['type']);
  const { type = 'major' } = options;
  if (type !== 'major' && type !== 'minor') {
    throw new ArgumentValueError(type, 'type', `'major' or 'minor'`);
  }
  nursery.flush();
  // Called back from C, or from a destructor: nothing may be freed now, so there is nothing to find.
  if (!calls.isIdle) {
    turn.schedule(); // which tells whether that is still so: a full stack or a timeout may have cut the call off
    return { bytes: 0, pointers: 0 };
  }
  recover();
  const bytes = binding.bytes();
  const pointers = binding.pointers();
  collectNow(type);
  nursery.flush();
  kinds.unpinIdle();
  return {
    bytes: Math.max(bytes - binding.bytes(), 0),
    pointers: Math.max(pointers - binding.pointers(), 0),
  };
}

module.exports = { collect };
