'use strict';
// What tracked pointers have in common: account (by label) and destructor. The native side knows a kind
// by its number; here are its JavaScript half and the caches that make equal kinds one.

const binding = require('../binding');
const { OutOfMemoryError } = require('../support/errors');

const { form: Form } = binding.protocol;

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
    this.batchKind = null; // what pointers of this kind that are in the nursery now have in its place
    this.batch = null; // of a batch kind: the objects that are in the nursery together
    this.pinned = 0; // the generation of pins in which this kind, having no library, was pinned
    this.traced = null; // the kinds equal to this one, by where their pointers are made: see trace.js
  }

  /** Equal to this one, and reaches all that is in the nursery with it: see native/env/collector.h. */
  inBatch(batch) {
    const kind = new Kind(this.id, this.label, this.destructor, this.type, this.shared);
    kind.library = this.library;
    kind.batch = batch;
    return kind;
  }
}

/** The kinds and accounts of this environment, for as long as it lives. */
class KindTable {
  #accounts = new Map(); // label -> number
  #byLabel = new Map(); // label -> destructor key -> Kind
  #generation = 1; // of pins
  // The kind of the pointer tracked last, which is usually that of the next.
  #last = { free: undefined, label: undefined, kind: null };

  #accountOf(label) {
    let account = this.#accounts.get(label);
    if (account === undefined) {
      account = binding.addAccount(label);
      if (account < 0) throw new OutOfMemoryError();
      this.#accounts.set(label, account);
    }
    return account;
  }

  /** A new kind. `library` is the JavaScript object that keeps the destructor's code loaded, or null. */
  make(label, destructor, type = null, library = null, shared = false) {
    const { form, address, args } = destructor;
    const id = binding.addKind(this.#accountOf(label), form, address, args);
    if (id < 0) throw new OutOfMemoryError();
    const kind = new Kind(id, label, destructor, type, shared);
    kind.library = library;
    return kind;
  }

  /** The kind of that label and that destructor, new or known. */
  of(label, destructor, shared = false) {
    let known = this.#byLabel.get(label);
    if (known === undefined) this.#byLabel.set(label, (known = new Map()));
    const key = shared ? `shared ${destructor.key}` : destructor.key;
    let kind = known.get(key);
    if (kind === undefined) {
      // Each pointer brings its own JavaScript destructor, so the kind has none.
      const own = destructor.form === Form.JAVASCRIPT ? { ...destructor, run: null } : destructor;
      kind = this.make(label, own, null, null, shared);
      known.set(key, kind);
    }
    return this.pin(kind);
  }

  /** A kind equal to `kind`, to tell its pointers from others. */
  tellApart(kind) {
    return this.make(kind.label, kind.destructor, kind.type, kind.library, kind.shared);
  }

  /** The kind remembered, if it is that of `free` and `label`; otherwise null. */
  lastOf(free, label) {
    const last = this.#last;
    return typeof free === 'bigint' && free === last.free && label === last.label
      ? this.pin(last.kind)
      : null;
  }

  remember(free, label, kind) {
    this.#last.free = free;
    this.#last.label = label;
    this.#last.kind = kind;
  }

  /** Between a kind's first pointer and the slot of that pointer, only this keeps a library with no object loaded. */
  pin(kind) {
    if (kind.pinned === this.#generation) return kind;
    binding.pin(kind.id);
    kind.pinned = this.#generation;
    return kind;
  }

  /** Lets go of the libraries that no pointer needs. REQUIRES: the nursery is empty. */
  unpinIdle() {
    this.#generation++;
    binding.unpinIdle();
  }
}

module.exports = { Form, kinds: new KindTable() };
