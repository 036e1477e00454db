'use strict';
// Has what a library allocates counted, at its import slots.

const binding = require('../../binding');
const watched = require('../../books/watched');
const { UnsupportedError } = require('../../support/errors');

const { patched } = binding.protocol;
const REASONS = {
  [patched.NO_MEMORY]: () => 'there is no memory',
  [patched.NOT_LOADED]: () => 'the dynamic linker does not know it by that name',
  [patched.SANITIZED]: () => 'it is compiled with a sanitizer, which has an allocator of its own',
  [patched.FOREIGN]: (name) => `its ${name}() has been replaced by some other function`,
  [patched.EXPORTED]: (name) =>
    `its calls of its own ${name}() go to the function of that name in Node${binding.canLoadDeep ? '; load it with { deep: true }' : ''}`,
};

/** Counts what the library at `path` allocates, from now on. Returns why that cannot be, undefined if it can. */
function tryToMeter(path, deep) {
  const { outcome, name } = binding.patchSlots(path, deep);
  if (outcome !== patched.YES) return REASONS[outcome](name);
  watched.begin();
  return undefined;
}

/** The same for `label`, if any. Throws where that cannot be. */
function meter(path, deep = false, label = undefined) {
  const reason = tryToMeter(path, deep);
  if (reason === undefined) return;
  throw new UnsupportedError(
    `What '${path}' allocates cannot be counted: ${reason}` +
      (label === undefined ? '' : `. Or write the size of '${label}'`),
  );
}

module.exports = { meter, tryToMeter };
