'use strict';
// What happens when a pointer would pass the limit.

const binding = require('../binding');
const calls = require('../books/c-calls');
const { nursery } = require('../books/nursery');
const { readUnowned } = require('../books/unowned');
const clock = require('../support/clock');
const { Gate } = require('../support/stack');
const gc = require('./gc');
const { drainSlice } = require('./destroy');
const { collectNow } = require('./reclaim');

// What the handler tracks itself is refused without asking it.
const gate = new Gate();

const pressure = {
  // Set by configure(): asked to let go of something, when a collection was not enough.
  handler: null,
  /** Asks it. Returns whether it could be asked. */
  ask(about) {
    if (this.handler === null || !gate.isOpen) return false;
    gate.recover(); // should the handler be cut off
    gate.run(this.handler, about);
    return true;
  },
};

// Major collections that return less than that part of the limit are futile. They may take a tenth of the time, and what
// of it was saved up: however often pointers are refused, the program goes on.
const FUTILE = 1 / 8;
const TENTH = 1 / 10;
const MOST_SAVED = 100; // milliseconds

class Collections {
  #line;
  #saved = 0;
  #savedAt = 0;
  #trackedBefore = -1; // pointers ever, when a minor collection made no room

  constructor(line) {
    this.#line = line;
  }

  #save() {
    const now = clock.now();
    this.#saved = Math.min(this.#saved + (now - this.#savedAt) * TENTH, MOST_SAVED);
    this.#savedAt = now;
  }

  /** Returns whether a minor collection has made room. Where nothing was tracked since the last, nothing died young. */
  minor(size) {
    const tracked = binding.tracked();
    if (!gc.canCollect() || tracked === this.#trackedBefore) return false;
    collectNow('minor');
    if (this.#line.awaitRoomFor(size)) return true;
    this.#trackedBefore = tracked;
    return false;
  }

  /** The same of a major one. */
  major(size) {
    this.#save();
    if (this.#saved <= 0) return this.#line.hasRoomFor(size);
    const before = this.#line.used;
    const start = clock.now();
    collectNow('major');
    const hasRoom = this.#line.awaitRoomFor(size);
    const returned = before - this.#line.used;
    if (returned < this.#line.limit * FUTILE) this.#saved -= clock.now() - start;
    return hasRoom;
  }
}

/** What no new pointer may pass. */
class Line {
  #collections = new Collections(this);
  // What the handler lets go of, such as the entries of a cache, is garbage until then.
  #afterHandler = new Collections(this);

  hasRoomFor(size) {
    return this.used + size <= this.limit;
  }

  /** The same, after it has waited for what another thread frees, if there is none before. REQUIRES: no C call is on the stack. */
  awaitRoomFor(size) {
    while (!this.hasRoomFor(size) && binding.awaitBackground()) drainSlice();
    return this.hasRoomFor(size);
  }

  /** Makes room for a pointer of that size. Returns whether there is. */
  makeRoom(size) {
    nursery.flush(); // theirs is room too
    if (!calls.isIdle || this.awaitRoomFor(size)) return this.hasRoomFor(size);
    if (this.#collections.minor(size) || this.#collections.major(size)) return true;
    if (!pressure.ask({ bytes: this.used, limit: this.limit, size, ...this.about })) return false;
    return this.awaitRoomFor(size) || this.#afterHandler.major(size);
  }
}

/** configure({ limit }): for all that is charged here. */
class ChargedLine extends Line {
  get used() {
    return binding.live();
  }

  get limit() {
    return binding.limit();
  }
}

/** The limit of a gauge, whose figure has the new pointer in it. */
class GaugeLine extends Line {
  #gauge;

  constructor(gauge) {
    super();
    this.#gauge = gauge;
    this.about = { gauge: gauge.label };
  }

  get used() {
    readUnowned();
    return this.#gauge.bytes;
  }

  get limit() {
    return this.#gauge.limit;
  }
}

const charged = new ChargedLine();

const hasRoomFor = (size) => charged.hasRoomFor(size);

/** Makes room for a pointer that would pass the limit. Returns whether there is. */
const makeRoom = (size) => charged.makeRoom(size);

module.exports = { GaugeLine, hasRoomFor, makeRoom, pressure };
