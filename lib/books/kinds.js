'use strict';
// What tracked pointers have in common: account (by label) and destructor. The native side knows a kind
// by its number; here are its JavaScript half and the caches that make equal kinds one.

const binding = require('../binding');
const { OutOfMemoryError } = require('../support/errors');
const calls = require('./c-calls');

const { form: Form } = binding.protocol;
const { FinalizationRegistry } = globalThis;
const GONE = -1; // the number of a kind that native code has forgotten
// Kinds that are known by label and destructor: twice as many, and none that nobody has asked for since the second half
// of these.
const MOST_KNOWN = 1024;

/**
 * `version` is another than before when what declared functions mean may have changed: there is another owned type, or the first
 * pointer without one (`hasUntyped`).
 */
const meanings = { version: 0, hasUntyped: false };

class Kind {
  constructor(id, label, destructor, type, shared) {
    this.id = id;
    this.label = label;
    this.form = destructor.form;
    // What JavaScript must free, or be told of, or another thread, cannot be freed from the nursery.
    this.young =
      destructor.form !== Form.JAVASCRIPT && destructor.ok === undefined && type?.background !== true;
    this.run = destructor.run; // (address) => void, when all pointers of the kind share a JavaScript destructor
    this.type = type; // the owned type, or null
    this.destructor = destructor; // as toDestructor() gave it
    this.shared = shared; // whether several such pointers may have one address, for the checked mode
    this.library = null; // what keeps the destructor there until a pointer has a slot, which pins it
    this.batchKind = null; // what pointers of this kind that are in the nursery now have in its place
    this.batch = null; // of a batch kind: the objects that are in the nursery together
    this.isWatched = false; // whether there are pointers of this kind of which watched.js tells
    this.pinned = 0; // the generation of pins in which this kind, having no library, was pinned
    this.traced = null; // the kinds equal to this one, by where their pointers are made: see trace.js
    this.place = null; // of one of these: that place
    this.main = null; // of a batch kind: that in whose place it is
  }

  /** Whether no pointer of this kind can be made. */
  get isGone() {
    return this.id === GONE;
  }

  /** No pointer of this kind is made from now on, by whoever has it in hand. */
  drop() {
    binding.dropKind(this.id);
    this.id = GONE;
    this.young = false;
  }

  /** Equal to this one, and reaches all that is in the nursery with it: see native/env/collector.h. */
  inBatch(batch) {
    const kind = new Kind(this.id, this.label, this.destructor, this.type, this.shared);
    kind.library = this.library;
    kind.batch = batch;
    kind.main = this;
    return kind;
  }
}

/**
 * The kinds of this environment. Those of a label and a destructor are known here, the ones used lately; others are
 * whoever's who has made them, and go with their JavaScript object.
 */
class KindTable {
  #lately = new Map(); // label -> destructor key -> Kind
  #before = new Map(); // the same, of those that go when there are enough in #lately
  #count = 0; // in #lately
  #generation = 1; // of pins
  // The kind of the pointer tracked last, which is usually that of the next.
  #last = { free: undefined, label: undefined, kind: null };
  #collected = new FinalizationRegistry((id) => {
    binding.dropKind(id);
    this.#removeUnused();
  });

  #add(label, destructor, type, shared) {
    const { form, address, args, isMemory = true } = destructor;
    const isBackground = type?.background === true;
    const id = binding.addKind(label, form, address, args, isMemory, isBackground);
    if (id < 0) throw new OutOfMemoryError();
    return new Kind(id, label, destructor, type, shared);
  }

  /** A new kind. `library` is the JavaScript object that keeps the destructor's code loaded, or null. */
  make(label, destructor, type = null, library = null, shared = false) {
    const kind = this.#add(label, destructor, type, shared);
    kind.library = library;
    this.#collected.register(kind, kind.id);
    return kind;
  }

  /** The kind of that label and that destructor, new or known. */
  of(label, destructor, shared = false) {
    const key = shared ? `shared ${destructor.key}` : destructor.key;
    return this.pin(this.#lately.get(label)?.get(key) ?? this.#recall(label, key, destructor, shared));
  }

  /** The kind itself, or the one that is there in its place since it was dropped. */
  current(kind) {
    return kind.isGone ? this.of(kind.label, kind.destructor, kind.shared) : kind;
  }

  #recall(label, key, destructor, shared) {
    if (this.#count >= MOST_KNOWN) this.#dropIdle();
    if (!meanings.hasUntyped) {
      meanings.hasUntyped = true;
      meanings.version++;
    }
    const others = this.#before.get(label);
    let kind = others?.get(key);
    if (kind === undefined) {
      // Each pointer brings its own JavaScript destructor, so the kind has none.
      const own = destructor.form === Form.JAVASCRIPT ? { ...destructor, run: null } : destructor;
      kind = this.#add(label, own, null, shared);
    } else {
      others.delete(key);
    }
    let known = this.#lately.get(label);
    if (known === undefined) this.#lately.set(label, (known = new Map()));
    known.set(key, kind);
    this.#count++;
    return kind;
  }

  #dropIdle() {
    for (const known of this.#before.values()) for (const kind of known.values()) kind.drop();
    this.#before = this.#lately;
    this.#lately = new Map();
    this.#count = 0;
    this.remember(undefined, undefined, null);
    this.#removeUnused();
  }

  // Libraries are unloaded by that.
  #removeUnused() {
    if (calls.isIdle) binding.removeUnusedKinds();
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

  /** Lets go of the kinds that nobody needs, and of the libraries that no pointer needs. REQUIRES: the nursery is empty. */
  unpinIdle() {
    this.#generation++;
    this.#removeUnused();
    binding.unpinIdle();
  }
}

module.exports = { Form, kinds: new KindTable(), meanings };
