'use strict';

const binding = require('../binding');
const calls = require('../books/c-calls');
const { kinds } = require('../books/kinds');
const { nursery } = require('../books/nursery');
const { checkOptions } = require('../support/check');
const { ArgumentValueError } = require('../support/errors');
const { collectNow } = require('./reclaim');
const turn = require('./turn');

const { BYTES, POINTERS } = binding.protocol.figure;

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
    turn.schedule(); // unless it was cut off, which only a turn will tell
    return { bytes: 0, pointers: 0 };
  }
  const bytes = binding.figure(BYTES);
  const pointers = binding.figure(POINTERS);
  collectNow(type);
  nursery.flush();
  kinds.unpinIdle();
  return {
    bytes: Math.max(bytes - binding.figure(BYTES), 0),
    pointers: Math.max(pointers - binding.figure(POINTERS), 0),
  };
}

module.exports = { collect };
