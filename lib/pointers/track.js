'use strict';

const { Form, kinds } = require('../books/kinds');
const { NO_SLOT } = require('../books/nursery');
const { checkBoolean, checkLabel, checkOptions, checkSize } = require('../support/check');
const { ArgumentTypeError, NullPointerError, UnsupportedError } = require('../support/errors');
const { adopt, freeOnce } = require('./adopt');
const { closed, toAddress, toDestructor } = require('./destructors');
const { addressOfKept, adoptWith, collect, isMemory } = require('./kept');
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

const PARENT = 'a TrackedPointer, a Buffer, another typed array, an ArrayBuffer, or an array of these';

/** What `parent` names that is not one pointer, a Set; null for nothing. */
function neededOf(parent) {
  if (parent === undefined || parent === null) return null;
  const needed = new Set();
  for (const each of Array.isArray(parent) ? parent : [parent]) {
    if (!isMemory(each)) throw new ArgumentTypeError(each, 'parent', PARENT);
    if (access.isTracked(each)) access.slotOf(each); // which complains of one that has ended
    collect(each, needed);
  }
  return needed;
}

// Throws where nobody knows what to tell the destructor.
function closedFor(destructor, parent) {
  return closed(
    destructor,
    () => {
      const [first] = [parent].flat();
      if (first !== undefined) return addressOfKept(first);
      throw new UnsupportedError(`'PARENT' needs 'parent', and there is none`);
    },
    () => {
      throw new UnsupportedError(`Nobody asks a function in 'free.args' here: write what it returns`);
    },
  );
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
  const destructor = kind === null ? closedFor(toDestructor(free), options.parent) : null;

  // From here on the pointer is ours, and an error must not lose it.
  let size = 0;
  let parentSlot = NO_SLOT;
  let needed = null;
  try {
    size = checkSize(options.size, 'size'); // first, because the destructor may need it
    if (!areKnown(options)) checkOptions(options, OPTIONS);
    if (kind === null) {
      kind = kinds.of(checkLabel(label), destructor, checkBoolean(shared, 'shared'));
      if (!shared) kinds.remember(free, label, kind);
    }
    const { parent } = options;
    if (access.isTracked(parent)) parentSlot = access.slotOf(parent);
    else needed = neededOf(parent);
  } catch (error) {
    throw freeOnce(address, size, destructor ?? toDestructor(free), shared, error);
  }
  if (audit.observer !== null) audit.observer.adopted(address);
  const run = kind.form === Form.JAVASCRIPT ? destructor.run : null;
  if (needed !== null) return adoptWith(address, size, kind, needed, run);
  return adopt(address, size, kind, parentSlot, run);
}

module.exports = { track };
