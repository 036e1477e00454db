'use strict';
// The checked mode: an address that is tracked while another pointer has it is refused, because both would
// free it. Costs nothing while it is off.

const path = require('node:path');
const binding = require('../binding');
const { TrackedTwiceError } = require('../support/errors');
const { hex } = require('../support/hex');
const { letGo } = require('./in-hand');
const { Form } = require('./kinds');
const { nursery } = require('./nursery');
const { foreignFrees, warn } = require('./unowned');
const { Unusual, unusual } = require('./unusual');

// The pointers that were tracked, one for each slot, as { address, slot, label, shared }, and with those of the same address
// in a list, the newest first. That one is gone is not told here: the ledger is asked when its address comes back. If its slot
// comes back before, it is forgotten, so there are never more than slots.
let bySlot = [];
let newest = new Map(); // by address

function forget(pointer) {
  const { address, slot, older, newer } = pointer;
  bySlot[slot] = undefined;
  if (older !== undefined) older.newer = newer;
  if (newer !== undefined) newer.older = older;
  else if (older !== undefined) newest.set(address, older);
  else newest.delete(address);
}

/** What keeps another pointer to `address` from being tracked, or undefined. */
function owner(address, sharing) {
  for (let pointer; (pointer = newest.get(address)) !== undefined; forget(pointer)) {
    // The newest tells of all: one that does not share was let in only where nobody was, and lets nobody in.
    if (sharing && pointer.shared) return undefined;
    if (binding.owns(pointer.slot, address)) return pointer;
  }
  return undefined;
}

/**
 * Throws if a pointer of that kind would be the second owner of `address`. Frees nothing: the first will. `hasParent`: that may
 * not be ended now.
 */
function admit(address, kind, hasParent = false) {
  if (kind.form === Form.NONE) return;
  let first = owner(address, kind.shared);
  if (first !== undefined && !hasParent && tellLosses()) first = owner(address, kind.shared);
  if (first === undefined) return;
  letGo();
  throw new TrackedTwiceError(hex(address), first.label, kind.label);
}

/** A pointer that was admitted has its slot. */
function note(address, { form, label, shared }, slot) {
  if (bySlot[slot] !== undefined) forget(bySlot[slot]);
  if (form === Form.NONE) return;
  const older = newest.get(address);
  const pointer = { address, slot, label, shared, older, newer: undefined };
  if (older !== undefined) older.newer = pointer;
  newest.set(address, pointer);
  bySlot[slot] = pointer;
  if (!shared) binding.ownBlock(address);
}

/**
 * Tells of pointers whose memory a metered library has freed, and ends them: their destructors do not run. `name` is the
 * function of C that has been called, if that is known. Returns whether there were any.
 */
function tellLosses(name = undefined) {
  let found = false;
  for (let loss = binding.nextLoss(); loss !== undefined; loss = binding.nextLoss()) {
    found = true;
    letGo(); // of what the call that has freed it gives: those who are told may call C
    const pointer = newest.get(loss.address);
    if (pointer === undefined) continue;
    const { address, label, slot } = pointer;
    const inside =
      loss.name === '' ? path.basename(loss.file) : `${loss.name}() of ${path.basename(loss.file)}`;
    const freedBy = name ?? inside;
    if (foreignFrees.hasSubscribers)
      foreignFrees.publish({ address, freedBy, allocatedBy: label, again: false });
    warn(
      'FFI_TALLY_FREED_BY_C',
      `${freedBy} ${label}`,
      `'${freedBy}' has freed ${hex(address)}, a '${label}' that JavaScript owns`,
      `It was freed in ${inside}. The pointer is ended, and its destructor does not run. If the function takes what it gets, ` +
        `declare that argument as '${label}'.`,
    );
    if (binding.owns(slot, address)) binding.objectOrEnd(slot)?.dispose();
  }
  return found;
}

/** Switches it on or off. What is tracked while it is off stays unknown to it. */
function enable(on) {
  exports.on = on;
  unusual.note(Unusual.CHECKED, on);
  nursery.keepNone(on);
  if (on) return;
  bySlot = [];
  newest = new Map();
}

Object.assign(exports, { on: false, admit, enable, note, owner, tellLosses });
enable(process.env.FFI_TALLY_CHECKED === '1');
