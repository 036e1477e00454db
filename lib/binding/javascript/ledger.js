'use strict';
// The books of one environment, in JavaScript: native/books/ledger.h says what each word means.

const State = Object.freeze({ FREE: 0, LIVE: 1, GIVEN: 2, ENDED: 3, READY: 4, LEAVING: 5 });
const MAX_BYTES = Number.MAX_SAFE_INTEGER;
const IDLE_ACCOUNTS = 1024;

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
  kinds = 0; // whose pointers are charged to it

  constructor(label) {
    this.label = label;
  }
}

const NONE = Object.freeze([]);

class Slot {
  state = State.LIVE;
  reason = 'disposed';
  holds = 0;
  born = now();
  load = null; // of the ballast that stands for its bytes
  object; // the pointer, weakly
  kept; // the JavaScript object that is kept until it is settled

  constructor(id, kind, address, size, parent) {
    this.id = id;
    this.kind = kind;
    this.address = address;
    this.size = size;
    this.parents = parent === null ? NONE : [parent];
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
  accounts = new Map(); // label -> Account
  totals = { tracked: 0, disposed: 0, collected: 0, released: 0, failed: 0, chargedBytes: 0 };
  #idle = new Set(); // accounts without kinds
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

  /** The account of that label, for one kind more. */
  open(label) {
    let account = this.accounts.get(label);
    if (account === undefined) this.accounts.set(label, (account = new Account(label)));
    account.kinds++;
    this.#idle.delete(account);
    return account;
  }

  /** A kind of `account` is gone. */
  close(account) {
    if (--account.kinds > 0) return;
    this.#idle.add(account);
    if (this.#idle.size <= IDLE_ACCOUNTS) return;
    const [oldest] = this.#idle;
    this.#idle.delete(oldest);
    this.accounts.delete(oldest.label);
  }

  #count(account, what, more = 1) {
    account[what] += more;
    this.totals[what] += more;
  }

  noteFailure(account) {
    this.#count(account, 'failed');
  }

  /** The figures of all accounts, a column each. */
  columns() {
    const rows = [...this.accounts.values()];
    return Object.fromEntries(Object.keys(new Account()).map((name) => [name, rows.map((row) => row[name])]));
  }

  #charge(account, delta) {
    account.bytes += delta;
    this.bytes += delta;
    if (delta <= 0) return;
    this.#count(account, 'chargedBytes', delta);
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
    this.#count(kind.account, 'tracked');
    this.pointers++;
    this.#charge(kind.account, size);
    return slot;
  }

  /** The memory of `slot` needs that of `parent`, too. Never without memory: then JavaScript ends. */
  addParent(slot, parent) {
    if (slot.parents === NONE) slot.parents = [];
    slot.parents.push(parent);
    this.hold(parent);
    return true;
  }

  removeParent(slot, parent) {
    slot.parents.splice(slot.parents.indexOf(parent), 1);
    this.unhold(parent);
  }

  /** Whether the memory of `slot` is that of `other` or needs it, by whatever is between. */
  dependsOn(slot, other) {
    const found = new Set([slot]);
    for (const each of found) for (const parent of each.parents) found.add(parent);
    return found.has(other);
  }

  /** All that needs the memory of `slot`, by whatever is between, children first. */
  dependentsOf(slot) {
    const known = new Map([[slot, true]]);
    const found = [];
    const open = this.#slots.filter(({ state }) => state !== State.FREE);
    while (open.length > 0) {
      const each = open.at(-1);
      const asked = known.has(each) ? [] : each.parents.filter((parent) => !known.has(parent));
      open.push(...asked);
      if (asked.length > 0) continue;
      open.pop();
      if (known.has(each)) continue;
      known.set(
        each,
        each.parents.some((parent) => known.get(parent)),
      );
      if (known.get(each)) found.push(each);
    }
    return found.reverse();
  }

  /** Books a pointer that came and went without ever having a slot. */
  pass(kind, size, reason) {
    this.#count(kind.account, 'tracked');
    this.#count(kind.account, reason);
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
    if (reason === 'collected') slot.kind.collected++;
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
    if (failed) this.noteFailure(slot.kind.account);
    this.#close(slot);
  }

  /** The memory is still there, because the destructor has failed: it is held until unhold(). */
  putOff(slot) {
    slot.state = State.ENDED;
    slot.holds++;
    this.noteFailure(slot.kind.account);
  }

  /** The memory belongs to somebody else now. */
  giveAway(slot, reason) {
    slot.reason = reason;
    this.#close(slot);
  }

  #close(slot) {
    const { account } = slot.kind;
    account.pointers--;
    this.#count(account, slot.reason);
    this.pointers--;
    slot.kind.live--;
    this.#charge(account, -slot.size);
    slot.state = State.FREE;
    this.#free.push(slot.id);
    slot.kept = undefined;
    for (const parent of slot.parents) this.unhold(parent);
  }

  /** By account, the age of its `oldest` pointer in seconds, or -1; by kind, what is there and what was `collected`. */
  survey(kinds) {
    const ages = new Map([...this.accounts.values()].map((account) => [account, -1]));
    const pointers = kinds.map((kind) => kind?.live ?? 0);
    const collected = kinds.map((kind) => kind?.collected ?? 0);
    const bytes = kinds.map(() => 0);
    for (const { state, kind, size, born } of this.#slots) {
      if (state === State.FREE) continue;
      bytes[kind.id] += size;
      ages.set(kind.account, Math.max(ages.get(kind.account), now() - born));
    }
    return { oldest: [...ages.values()], pointers, bytes, collected };
  }

  /** Bytes charged by hand. Returns false, and changes nothing, below zero or past what can be counted. */
  chargeByHand(delta) {
    if (delta < 0 ? this.manual < -delta : !this.canCharge(delta)) return false;
    this.manual += delta;
    this.peakBytes = Math.max(this.peakBytes, this.live);
    return true;
  }
}

module.exports = { Ledger, State };
