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
  #urgent = []; // what was disposed of or let go, the latest last

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
    if (slot.holds === 0) this.#queue(slot, reason === 'disposed');
  }

  #queue(slot, urgent) {
    slot.state = State.READY;
    if (urgent) this.#urgent.push(slot);
    else this.#ready.add(slot);
  }

  hold(slot) {
    slot.holds++;
  }

  unhold(slot) {
    slot.holds--;
    if (slot.holds === 0 && slot.state === State.ENDED) this.#queue(slot, true);
  }

  get hasReady() {
    return this.#ready.size > 0 || this.#urgent.length > 0;
  }

  /** Whether `slot` may be freed. Held since it was queued? Then unhold() queues it again. */
  #take(slot) {
    slot.state = slot.holds === 0 ? State.LEAVING : State.ENDED;
    return slot.holds === 0;
  }

  /** The next pointer to free, or null. Children come before their parents, what is urgent before all others. */
  nextReady() {
    while (this.#urgent.length > 0) {
      const slot = this.#urgent.pop();
      if (this.#take(slot)) return slot;
    }
    for (const slot of this.#ready) {
      this.#ready.delete(slot);
      if (this.#take(slot)) return slot;
    }
    return null;
  }

  /** The one that nextReady() would return, if it is urgent, or null. */
  nextUrgent() {
    while (this.#urgent.at(-1)?.holds > 0) this.#take(this.#urgent.pop());
    return this.#urgent.at(-1) ?? null;
  }

  /** Whether `slot` is that of a pointer to `address` that is still to be freed. */
  owns(slot, address) {
    const { state } = slot;
    const ours = state === State.LIVE || state === State.ENDED || state === State.READY;
    return ours && slot.address === address;
  }

  /** The memory is gone. REQUIRES: it came from nextReady(). */
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
