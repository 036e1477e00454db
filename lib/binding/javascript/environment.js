'use strict';
// What one thread owns of this backend: native/env/environment.h in JavaScript, as far as JavaScript can. The dead are found
// by a FinalizationRegistry, so only on the event loop, where ../reclaim.js frees them; V8 itself decides when, moved by
// the ballast.

const { needRoom } = require('../../support/stack');
const { bytesFor, columnsOf } = require('../nursery-columns');
const { Ballast } = require('./ballast');
const { Kind } = require('./kind');
const { Ledger, State } = require('./ledger');
const protocol = require('./protocol');

const { advice, disposed, drained, nursery: places, refusal: Refusal, reported } = protocol;
const { CAPACITY, GIVEN, NO_SLOT, WAITING } = places;

class Nursery {
  buffer = new ArrayBuffer(bytesFor(CAPACITY));

  constructor() {
    Object.assign(this, columnsOf(this.buffer, CAPACITY));
    this.counter[4] = CAPACITY;
  }

  holds(index) {
    return this.slots[index] === WAITING || this.slots[index] === GIVEN;
  }

  leave(index) {
    this.slots[index] = NO_SLOT;
    if (index + 1 === this.counter[0]) this.counter[0] = index;
  }

  get hasInHand() {
    return this.slots[CAPACITY] === WAITING && this.addresses[CAPACITY] !== 0n; // that is NULL
  }

  letGo(address) {
    if (this.addresses[CAPACITY] === address) this.slots[CAPACITY] = NO_SLOT;
  }
}

class Environment {
  ledger = new Ledger();
  ballast = new Ballast();
  nursery = new Nursery();
  kinds = [];
  running = []; // kinds of the destructors that are on the stack, of pointers without a slot
  limit = Number.MAX_SAFE_INTEGER;
  collections = { none: 0, minor: 0, major: 0 }; // by what was asked for
  rooted; // kept alive
  #freeKinds = []; // numbers of kinds
  #threw = false; // whether the destructor now running has called back into JavaScript that threw
  onDead; // called when one was found
  // V8 calls the registries in any order, with turns in between: that heartbeat may have come and gone.
  #registry = new FinalizationRegistry((slot) => {
    if (slot.state === State.LIVE) this.ledger.end(slot, 'collected');
    this.onDead();
  });

  addKind(label, form, address, args) {
    const id = this.#freeKinds.pop() ?? this.kinds.length;
    this.kinds[id] = new Kind(id, this.ledger.open(label), form, address, args);
    return id;
  }

  dropKind(kind) {
    kind.isDropped = true;
  }

  removeUnusedKinds() {
    if (this.nursery.counter[0] > 0 || this.nursery.hasInHand || this.running.length > 0) return;
    for (const kind of this.kinds) {
      if (!kind?.isDropped || kind.live > 0) continue;
      kind.unpin();
      this.ledger.close(kind.account);
      this.kinds[kind.id] = undefined;
      this.#freeKinds.push(kind.id);
    }
  }

  advise() {
    return this.ledger.hasReady ? advice.SWEEP : 0;
  }

  flush(objects, parent, forced) {
    needRoom();
    const refusal = this.#assignSlots(objects, parent, forced);
    this.nursery.counter[3] = refusal;
    return refusal === Refusal.NONE ? this.advise() : 0;
  }

  #assignSlots(objects, parent, forced) {
    const { nursery, ledger } = this;
    const [count] = nursery.counter;
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      if (!nursery.holds(i)) continue;
      bytes += nursery.sizes[i];
      if (!ledger.canCharge(bytes)) return Refusal.TOO_MUCH;
    }
    if (!forced && bytes > this.limit - ledger.live) return Refusal.OVER_LIMIT;
    for (let i = 0; i < count; i++) {
      if (nursery.holds(i)) this.#enter(i, objects[i], i + 1 === count ? parent : NO_SLOT);
    }
    nursery.counter.fill(0, 0, 4);
    return Refusal.NONE;
  }

  #enter(index, object, parent) {
    const { nursery, ledger } = this;
    const kind = this.kinds[nursery.kinds[index]];
    if (kind.live === 0) kind.pin();
    const above = parent === NO_SLOT ? null : ledger.at(parent);
    const slot = ledger.add(kind, nursery.addresses[index], nursery.sizes[index], above);
    const given = nursery.slots[index] === GIVEN;
    nursery.slots[index] = slot.id;
    if (object !== null) {
      slot.object = new WeakRef(object);
      this.#registry.register(object, slot, slot);
      this.ballast.add(object, slot);
      if (given) slot.state = State.GIVEN;
    } else if (given) {
      ledger.giveAway(slot, 'released');
    } else {
      ledger.end(slot, 'disposed'); // dispose() was cut short
    }
  }

  /** The objects of all that needs the memory of `slot`, children first. Ends those of which nobody has the object. */
  dependents(slot) {
    const live = this.ledger.dependentsOf(slot).filter(({ state }) => state === State.LIVE);
    for (const each of live) if (each.object.deref() === undefined) this.end(each);
    return live.map(({ object }) => object.deref()).filter((object) => object !== undefined);
  }

  /** Runs a destructor. Returns whether it failed. */
  run(destructor, address, size) {
    return this.tell(destructor, address, size) !== true;
  }

  /** Runs a destructor. Returns true; what it says, if it fails; false where a callback of it threw. */
  tell(destructor, address, size) {
    const outer = this.#threw;
    this.#threw = false;
    let failure;
    try {
      failure = destructor(address, size);
    } catch {
      this.#threw = true;
    }
    const threw = this.#threw;
    this.#threw = outer;
    return threw ? false : (failure ?? true);
  }

  noteThrow() {
    this.#threw = true;
  }

  free(kind, address, size) {
    this.running.push(kind);
    if (this.run(kind.run, address, size)) this.ledger.noteFailure(kind.account);
    this.running.pop();
  }

  freeOnce(kind, address, size) {
    kind.pin(); // it may call back, and JavaScript unload the library
    this.run(kind.run, address, size);
    kind.unpin();
  }

  #pass(index, reason) {
    const { nursery, ledger } = this;
    const passing = {
      kind: this.kinds[nursery.kinds[index]],
      address: nursery.addresses[index],
      size: nursery.sizes[index],
    };
    nursery.leave(index);
    ledger.pass(passing.kind, passing.size, reason);
    return passing;
  }

  disposeYoung(index) {
    needRoom();
    const { kind, address, size } = this.#pass(index, 'disposed');
    this.free(kind, address, size);
  }

  releaseYoung(index, freed) {
    needRoom();
    this.#pass(index, freed ? 'disposed' : 'released');
  }

  end(slot) {
    needRoom();
    this.#registry.unregister(slot);
    this.ledger.end(slot, 'disposed');
    return slot.state === State.ENDED;
  }

  dispose(slot) {
    if (this.end(slot)) return disposed.HELD;
    while (this.ledger.nextUrgent()?.kind.isFreedHere) this.#freeNext();
    return this.ledger.hasReady ? disposed.MORE : disposed.DONE;
  }

  disposeAlone(slot) {
    this.end(slot);
    if (this.ledger.nextUrgent() !== slot) return drained.DONE;
    if (!slot.kind.isFreedHere) return this.ledger.nextReady().id;
    this.#freeNext();
    return drained.DONE;
  }

  #freeNext() {
    const slot = this.ledger.nextReady();
    this.settle(slot, this.run(slot.kind.run, slot.address, slot.size));
  }

  release(slot, freed) {
    needRoom();
    this.#registry.unregister(slot);
    this.ballast.remove(slot);
    this.ledger.giveAway(slot, freed ? 'disposed' : 'released');
    return this.ledger.hasReady;
  }

  resize(slot, size) {
    const delta = size - slot.size;
    if (!this.ledger.canCharge(delta)) return false;
    this.ledger.resize(slot, size);
    this.ballast.change(slot, delta);
    return true;
  }

  settle(slot, failed) {
    this.ballast.remove(slot);
    this.ledger.settle(slot, failed);
    return this.ledger.hasReady;
  }

  /** Frees what is ready until there is no more, the time is up, or JavaScript must run a destructor. */
  drain(milliseconds) {
    needRoom();
    const deadline = performance.now() + milliseconds;
    for (;;) {
      const slot = this.ledger.nextReady();
      if (slot === null) return drained.DONE;
      if (!slot.kind.isFreedHere) return slot.id;
      this.settle(slot, this.run(slot.kind.run, slot.address, slot.size));
      const { hasReady } = this.ledger;
      if (hasReady && this.ledger.nextUrgent() === null && performance.now() >= deadline) return drained.MORE;
    }
  }

  collected(asked) {
    const name = ['none', 'minor', 'major'][asked];
    this.collections[name]++;
    return this.advise();
  }

  reportByHand(delta) {
    if (!this.ledger.chargeByHand(delta)) return delta < 0 ? reported.BELOW_ZERO : reported.TOO_MUCH;
    this.#carry();
    return this.ledger.manual;
  }

  chargeGauges(bytes) {
    this.ledger.outside = Math.min(bytes, Number.MAX_SAFE_INTEGER - this.ledger.bytes - this.ledger.manual);
    this.#carry();
  }

  #carry() {
    this.ballast.carry(this.ledger.manual + this.ledger.outside);
  }
}

module.exports = { Environment };
