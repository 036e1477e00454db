'use strict';
// What tracked pointers have in common: account (by label) and destructor. The native side knows a kind
// by its number; here are its JavaScript half and the caches that make equal kinds one.

const binding = require('../binding');
const { OutOfMemoryError } = require('../support/errors');

const accounts = new Map();
const kinds = [];
const byLabel = new Map();

const Form = Object.freeze({ NONE: 0, JAVASCRIPT: 1, DIRECT: 2, BOUND: 3 });

class Kind {
  constructor(id, label, destructor, type, shared) {
    this.id = id;
    this.label = label;
    this.form = destructor.form;
    this.young = destructor.form !== Form.JAVASCRIPT; // what JavaScript must free cannot be freed from the nursery
    this.run = destructor.run; // (address) => void, when all pointers of the kind share a JavaScript destructor
    this.type = type; // the owned type, or null
    this.destructor = destructor; // as toDestructor() gave it
    this.shared = shared; // whether several such pointers may have one address, for the checked mode
    this.library = null; // what keeps the destructor there until a pointer has a slot, which pins it
    this.cohort = null; // what pointers of this kind that are in the nursery now have in its place
    this.batch = null; // of a cohort: the objects that are in the nursery together
    this.pinned = 0; // the generation of pins in which this kind, having no library, was pinned
    this.traced = null; // the kinds equal to this one, by where their pointers are made: see trace.js
  }
}

/** Equal to `kind`, and reaches all that is in the nursery with it: see native/env/collector.h. */
function cohortOf(kind, batch) {
  const cohort = new Kind(kind.id, kind.label, kind.destructor, kind.type, kind.shared);
  cohort.library = kind.library;
  cohort.batch = batch;
  return cohort;
}

function accountOf(label) {
  let account = accounts.get(label);
  if (account === undefined) {
    account = binding.addAccount(label);
    if (account < 0) throw new OutOfMemoryError();
    accounts.set(label, account);
  }
  return account;
}

/**
 * A new kind, for as long as the environment lives. `library` is the JavaScript object that keeps the
 * destructor's code loaded, or null.
 */
function makeKind(label, destructor, type = null, library = null, shared = false) {
  const { form, address, args } = destructor;
  const id = binding.addKind(accountOf(label), form, address, args);
  if (id < 0) throw new OutOfMemoryError();
  const kind = new Kind(id, label, destructor, type, shared);
  kind.library = library;
  // Only these are looked up by number; others would keep their libraries loaded from here.
  if (form === Form.JAVASCRIPT) kinds[id] = kind;
  return kind;
}

let generation = 1;

// Between its first pointer and the slot of that pointer, only this keeps a library with no object loaded.
function pin(kind) {
  if (kind.pinned === generation) return kind;
  binding.pin(kind.id);
  kind.pinned = generation;
  return kind;
}

/** The kind of that label and that destructor, new or known. */
function kindFor(label, destructor, shared = false) {
  let known = byLabel.get(label);
  if (known === undefined) byLabel.set(label, (known = new Map()));
  const key = shared ? `shared ${destructor.key}` : destructor.key;
  let kind = known.get(key);
  if (kind === undefined) {
    // Each pointer brings its own JavaScript destructor, so the kind has none.
    const own = destructor.form === Form.JAVASCRIPT ? { ...destructor, run: null } : destructor;
    kind = makeKind(label, own, null, null, shared);
    known.set(key, kind);
  }
  return pin(kind);
}

// The kind of the pointer tracked last, which is usually that of the next.
const last = { free: undefined, label: undefined, kind: null };

function lastKind(free, label) {
  return typeof free === 'bigint' && free === last.free && label === last.label ? pin(last.kind) : null;
}

function rememberKind(free, label, kind) {
  last.free = free;
  last.label = label;
  last.kind = kind;
}

/** A kind equal to `kind`, to tell its pointers from others. */
function tellApart(kind) {
  return makeKind(kind.label, kind.destructor, kind.type, kind.library, kind.shared);
}

/** Lets go of the libraries that no pointer needs. REQUIRES: the nursery is empty. */
function unpinIdle() {
  generation++;
  binding.unpinIdle();
}

module.exports = {
  Form,
  cohortOf,
  /** Whether JavaScript runs the destructors of any. */
  hasScripts: () => kinds.length > 0,
  kindById: (id) => kinds[id],
  kindFor,
  lastKind,
  makeKind,
  pin,
  rememberKind,
  tellApart,
  unpinIdle,
};
