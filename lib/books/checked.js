'use strict';
// The checked mode: an address that is tracked while another pointer has it is refused, because both would
// free it. Costs nothing while it is off.

const binding = require('../binding');
const { TrackedTwiceError } = require('../support/errors');
const { hex } = require('../support/hex');
const { Form } = require('./kinds');
const { nursery } = require('./nursery');

const FEWEST = 1024;

// What was tracked at each address, as { slot, label, shared }. That a pointer is gone is not told here: the
// ledger is asked when its address comes back, or when there is much of it.
let known = new Map();
let enough = FEWEST;

function standing(address) {
  return (known.get(address) ?? []).filter(({ slot }) => binding.owns(slot, address));
}

/** What keeps another pointer to `address` from being tracked, or undefined. */
function owner(address, sharing) {
  return standing(address).find(({ shared }) => !shared || !sharing);
}

/** Throws if a pointer of that kind would be the second owner of `address`. Frees nothing: the first will. */
function admit(address, kind) {
  const first = kind.form === Form.NONE ? undefined : owner(address, kind.shared);
  if (first !== undefined) throw new TrackedTwiceError(hex(address), first.label, kind.label);
}

/** A pointer that was admitted has its slot. */
function note(address, kind, slot) {
  if (kind.form === Form.NONE) return;
  known.set(address, [...standing(address), { slot, label: kind.label, shared: kind.shared }]);
  if (known.size < enough) return;
  for (const other of known.keys()) if (standing(other).length === 0) known.delete(other);
  enough = Math.max(FEWEST, 2 * known.size);
}

/** Switches it on or off. What is tracked while it is off stays unknown to it. */
function enable(on) {
  exports.on = on;
  nursery.keepNone(on);
  if (!on) known = new Map();
}

Object.assign(exports, { on: false, admit, enable, note, owner });
enable(process.env.FFI_TALLY_CHECKED === '1');
