'use strict';
// What tracked pointers have in common: account (by label) and destructor. The native side knows a kind
// by its number; here are its JavaScript half and the caches that make equal kinds one.

const binding = require('./binding');
const { OutOfMemoryError } = require('./errors');

const accounts = new Map();
const kinds = [];
const byLabel = new Map();

const Form = Object.freeze({ NONE: 0, JAVASCRIPT: 1, DIRECT: 2, BOUND: 3 });

class Kind {
  constructor(id, label, form, run, type) {
    this.id = id;
    this.label = label;
    this.form = form;
    this.young = form !== Form.JAVASCRIPT; // what JavaScript must free cannot be freed from the nursery
    this.run = run; // (address) => void, when all pointers of the kind share a JavaScript destructor
    this.type = type; // the owned type, or null
  }
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

/** A new kind, for as long as the environment lives. */
function makeKind(label, destructor, type = null) {
  const { form, address, args, run } = destructor;
  const id = binding.addKind(accountOf(label), form, address, args);
  if (id < 0) throw new OutOfMemoryError();
  const kind = new Kind(id, label, form, run, type);
  // Only these are looked up by number; others would keep their libraries loaded from here.
  if (form === Form.JAVASCRIPT) kinds[id] = kind;
  return kind;
}

/** The kind of that label and that destructor, new or known. */
function kindFor(label, destructor) {
  let known = byLabel.get(label);
  if (known === undefined) byLabel.set(label, (known = new Map()));
  let kind = known.get(destructor.key);
  if (kind === undefined) {
    // Each pointer brings its own JavaScript destructor, so the kind has none.
    kind = makeKind(label, destructor.form === Form.JAVASCRIPT ? { ...destructor, run: null } : destructor);
    known.set(destructor.key, kind);
  }
  return kind;
}

// The kind of the pointer tracked last, which is usually that of the next.
const last = { free: undefined, label: undefined, kind: null };

function lastKind(free, label) {
  return typeof free === 'bigint' && free === last.free && label === last.label ? last.kind : null;
}

function rememberKind(free, label, kind) {
  last.free = free;
  last.label = label;
  last.kind = kind;
}

let unloading = false;

/**
 * Lets go of libraries that no pointer needs. Known kinds are forgotten: their addresses may be stale.
 * REQUIRES: the nursery is empty.
 */
function unpinIdle() {
  byLabel.clear();
  rememberKind(undefined, undefined, null);
  unloading = binding.unpinIdle();
}

/** The same for what was still needed when its library was unloaded. REQUIRES: the nursery is empty. */
function unpinUnloaded() {
  if (unloading) unpinIdle();
}

module.exports = {
  Form,
  kindById: (id) => kinds[id],
  kindFor,
  lastKind,
  makeKind,
  rememberKind,
  unpinIdle,
  unpinUnloaded,
};
