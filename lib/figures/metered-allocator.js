'use strict';

const binding = require('../binding');
const { meters } = require('../books/unowned');
const majorListener = require('../reclaim/major-listener');
const { checkBoolean, checkLabel, checkOptions } = require('../support/check');
const { ArgumentValueError, UnsupportedError } = require('../support/errors');

const OPTIONS = ['label', 'checked'];

/** Native functions for the allocator hooks of a C library, which count what it allocates. */
function meteredAllocator(options) {
  checkOptions(options, OPTIONS);
  const label = checkLabel(options.label);
  const { checked = false } = options;
  checkBoolean(checked, 'checked');
  if (label.includes('\0')) throw new ArgumentValueError(label, 'label', 'a string without NUL');
  if (!binding.canMeter) {
    throw new UnsupportedError('The C allocator of this platform does not tell the size of a block');
  }
  const known = meters.get(label)?.meter;
  if (known !== undefined && known.checked === checked) return known;
  const functions = binding.meterFor(label, checked);
  if (functions === null) {
    throw new ArgumentValueError(
      checked,
      'checked',
      `${!checked}: '${label}' exists in this process and is different`,
    );
  }
  if (functions === undefined) {
    throw new UnsupportedError(
      `Cannot make a metered allocator '${label}': there are ${binding.mostMeters} in this process, and they last until its end`,
    );
  }
  const { index, ...addresses } = functions;
  const meter = Object.freeze({ label, checked, ...addresses });
  meters.set(label, { meter, index });
  majorListener.listen();
  return meter;
}

module.exports = { meteredAllocator };
