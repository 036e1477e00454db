'use strict';

const { Form, kinds } = require('../books/kinds');
const { NO_SLOT } = require('../books/nursery');
const { checkBoolean, checkLabel, checkOptions, checkSize } = require('../support/check');
const { ArgumentTypeError, NullPointerError } = require('../support/errors');
const { adopt, freeOnce } = require('./adopt');
const { toAddress, toDestructor } = require('./destructors');
const audit = require('./observer-hook');
const { access } = require('./tracked-pointer');

const OPTIONS = ['size', 'free', 'label', 'parent', 'shared'];
const UNLABELLED = 'unlabelled';

/** Whether nothing but OPTIONS can be in there. Without the list: every pointer comes here. */
function areKnown(options) {
  for (const name in options) {
    if (name !== 'size' && name !== 'free' && name !== 'label' && name !== 'parent') return false;
  }
  return true;
}

function parentSlotOf(parent) {
  if (parent === undefined || parent === null) return NO_SLOT;
  if (!access.isTracked(parent)) throw new ArgumentTypeError(parent, 'parent', 'a TrackedPointer');
  return access.slotOf(parent);
}

/** Takes ownership of a native pointer. */
function track(pointer, options) {
  const address = toAddress(pointer);
  if (pointer === null || address === 0n) throw new NullPointerError();
  if (address === undefined) {
    throw new ArgumentTypeError(pointer, 'address', 'a native address (bigint, or External of Koffi 2)');
  }
  if (typeof options !== 'object' || options === null) {
    throw new ArgumentTypeError(options, 'options', 'an object');
  }
  const { free, label = UNLABELLED, shared = false } = options;
  if (free === undefined) throw new ArgumentTypeError(undefined, 'free', 'a destructor, or null for none');
  let kind = shared === false ? kinds.lastOf(free, label) : null;
  const destructor = kind === null ? toDestructor(free) : null;

  // From here on the pointer is ours, and an error must not lose it.
  let size = 0;
  let parentSlot = NO_SLOT;
  try {
    size = checkSize(options.size, 'size'); // first, because the destructor may need it
    if (!areKnown(options)) checkOptions(options, OPTIONS);
    if (kind === null) {
      kind = kinds.of(checkLabel(label), destructor, checkBoolean(shared, 'shared'));
      if (!shared) kinds.remember(free, label, kind);
    }
    parentSlot = parentSlotOf(options.parent);
  } catch (error) {
    throw freeOnce(address, size, destructor ?? toDestructor(free), shared, error);
  }
  if (audit.observer !== null) audit.observer.adopted(address, label);
  const run = kind.form === Form.JAVASCRIPT ? destructor.run : null;
  return adopt(address, size, kind, parentSlot, run);
}

module.exports = { track };
