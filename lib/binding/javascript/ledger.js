'use strict';
// The books of one environment, in JavaScript: native/books/ledger.h says what each word means.

const State = Object.freeze({ FREE: 0, LIVE: 1, GIVEN: 2, ENDED: 3, READY: 4, LEAVING: 5 });
const MAX_BYTES = Number.MAX_SAFE_INTEGER;

const now = () => Math.floor(performance.now() / 1000); // seconds

class Account {
  bytes = 0;
  pointers = 0;
  peakBytes = 0;
  chargedBytes = 0;
  tracked = 0;
  disposed = 0;
  collected = 0;
  released = 0;
  failed = 0;

  constructor(label) {
    this.label = label;
  }
}

class Slot {
  state = State.LIVE;
  reason = 'disposed';
  holds = 0;
  born = now();
  load = null; // of the ballast that stands for its bytes

  constructor(id, kind, address, size, parent) {
    this.id = id;
    this.kind = kind;
    this.address = address;
    this.size = size;
    this.parent = parent;
  }
}

class Ledger {
  bytes = 0;
  pointers = 0;
  manual = 0;
  outside = 0;
  peakBytes = 0;
  deadBytes = 0;
  deadPointers = 0;
  accounts = [];
  #slots = [];
  #free = []; // numbers of slots
  #ready = new Set();

  at(id) {
    return this.#slots[id];
  }

  get live() {
    return this.bytes + this.manual + this.outside;
  }

  canCharge(bytes) {
    return bytes <= MAX_BYTES - this.live;
  }

  #charge(account, delta) {
    account.bytes += delta;
    this.bytes += delta;
    if (delta <= 0) return;
    account.chargedBytes += delta;
    account.peakBytes = Math.max(account.peakBytes, account.bytes);
    this.peakBytes = Math.max(this.peakBytes, this.live);
  }

  /** Books a live pointer. `parent` is a slot or null. */
  add(kind, address, size, parent) {
    const id = this.#free.length > 0 ? this.#free.pop() : this.#slots.length;
    const slot = new Slot(id, kind, address, size, parent);
    this.#slots[id] = slot;
    if (parent !== null) parent.holds++;
    kind.live++;
    kind.account.pointers++;
    kind.account.tracked++;
    this.pointers++;
    this.#charge(kind.account, size);
    return slot;
  }

  /** Books a pointer that came and went without ever having a slot. */
  pass(kind, size, reason) {
    kind.account.tracked++;
    kind.account[reason]++;
    this.#charge(kind.account, size);
    this.#charge(kind.account, -size);
  }

  resize(slot, size) {
    const delta = size - slot.size;
    slot.size = size;
    if (slot.state !== State.LIVE && slot.state !== State.GIVEN) this.deadBytes += delta;
    this.#charge(slot.kind.account, delta);
  }

  end(slot, reason) {
    slot.state = State.ENDED;
    slot.reason = reason;
    this.deadBytes += slot.size;
    this.deadPointers++;
    if (slot.holds === 0) this.#queue(slot);
  }

  #queue(slot) {
    slot.state = State.READY;
    this.#ready.add(slot);
  }

  hold(slot) {
    slot.holds++;
  }

  unhold(slot) {
    slot.holds--;
    if (slot.holds === 0 && slot.state === State.ENDED) this.#queue(slot);
  }

  get hasReady() {
    return this.#ready.size > 0;
  }

  /** The next pointer to free, or null. Children come before their parents. */
  nextReady() {
    for (const slot of this.#ready) {
      this.#ready.delete(slot);
      // Held since it was queued? Then unhold() queues it again.
      slot.state = slot.holds === 0 ? State.LEAVING : State.ENDED;
      if (slot.holds === 0) return slot;
    }
    return null;
  }

  /** Takes a pointer that is ready out of turn. Returns whether it was. */
  take(slot) {
    if (!this.#ready.delete(slot)) return false;
    slot.state = State.LEAVING;
    return true;
  }

  /** Whether `slot` is that of a pointer to `address` that is still to be freed. */
  owns(slot, address) {
    const { state } = slot;
    const ours = state === State.LIVE || state === State.ENDED || state === State.READY;
    return ours && slot.address === address;
  }

  /** The memory is gone. REQUIRES: it came from nextReady() or was taken. */
  settle(slot, failed) {
    this.deadBytes -= slot.size;
    this.deadPointers--;
    if (failed) slot.kind.account.failed++;
    this.#close(slot);
  }

  /** The memory belongs to somebody else now. */
  giveAway(slot, reason) {
    slot.reason = reason;
    this.#close(slot);
  }

  #close(slot) {
    const { account } = slot.kind;
    account.pointers--;
    account[slot.reason]++;
    this.pointers--;
    slot.kind.live--;
    this.#charge(account, -slot.size);
    slot.state = State.FREE;
    this.#free.push(slot.id);
    if (slot.parent !== null) this.unhold(slot.parent);
  }

  /** { oldest, kinds }: by account, the age in seconds of its oldest pointer, or -1; by kind, what is there of it. */
  survey(kinds) {
    const oldest = this.accounts.map(() => -1);
    const there = kinds.map(({ live }) => ({ pointers: live, bytes: 0 }));
    for (const { state, kind, size, born } of this.#slots) {
      if (state === State.FREE) continue;
      there[kind.id].bytes += size;
      const account = this.accounts.indexOf(kind.account);
      oldest[account] = Math.max(oldest[account], now() - born);
    }
    return { oldest, kinds: there };
  }

  /** Bytes charged by hand. Returns false, and changes nothing, below zero or past what can be counted. */
  chargeByHand(delta) {
    if (delta < 0 ? this.manual < -delta : !this.canCharge(delta)) return false;
    this.manual += delta;
    this.peakBytes = Math.max(this.peakBytes, this.live);
    return true;
  }
}

module.exports = { Account, Ledger, State };
