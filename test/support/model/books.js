'use strict';
// What the model knows of one copy of the library, and what is done with that. The names of its functions are those of the
// commands.

const assert = require('node:assert');
const { setImmediate } = require('node:timers/promises');
const { inspect } = require('node:util');
const { changes, cutOff, forever } = require('../disturb.js');
const { gcUntil } = require('../gc-until.js');
const things = require('../things.js');
const { expectAll, moves, use } = require('../uses.js');
const { IN_JAVASCRIPT, SIZED, isNative } = require('./library.js');

function same(actual, expected) {
  for (const [key, value] of Object.entries(expected)) {
    assert.equal(actual[key], value, `${key} is ${actual[key]}, expected ${value}`);
  }
}

function refused(code, attempt) {
  assert.throws(attempt, { code });
}

/** An array over the thing's memory, which is full of a byte of its own from the first view on. */
function bytesOf({ pointer, node }) {
  const bytes = new Uint8Array(pointer.view(node.block));
  if (!node.viewed) bytes.fill(node.byte);
  node.viewed = true;
  expectAll(bytes, node.byte, 'a view');
  return bytes;
}

class Books {
  constructor(library, run) {
    this.library = library;
    this.run = run;
    this.nodes = new Map(); // id of a thing -> what the model knows of it, while its bytes are charged
    this.handles = []; // { pointer, node } that the program still has
    this.held = []; // { slot, node }
    this.ended = []; // pointers after their end
    this.stack = []; // a mark for each call of C on it, unless that reenters; what returns takes the last one off
    this.manual = 0;
    this.before = library.stats().totals;
    this.totals = { ...this.before };
  }

  /**
   * Does one command. Functions of their own, so that no variable here keeps a pointer alive. Returns a promise where
   * the event loop must turn.
   */
  step(given) {
    const handler = this[given.do];
    if (given.of === undefined) return handler.call(this, given);
    const lists = {
      unhold: this.held,
      'use after end': this.ended,
      'take over': this.run.transit,
      'give to a worker': this.run.transit,
      'let go of moved': this.run.moved,
    };
    const list = lists[given.do] ?? this.handles;
    return list.length > 0 ? handler.call(this, given, given.of % list.length) : undefined;
  }

  /** Whether nothing but what is disposed of now may be freed. */
  get isHeldUp() {
    return this.stack.length > 0;
  }

  #isLent(node) {
    return this.stack.includes(node.mark);
  }

  /** The innermost call of C may be using it, unless that is known of another. */
  #lend(node) {
    if (!this.#isLent(node)) node.mark = this.stack.at(-1) ?? null;
  }

  #enter({ size, sort, label }, parent) {
    const { track, destructors } = this.library;
    const address = things.make(size);
    const id = things.id(address);
    const pointer = track(address, { size, free: destructors[sort](), label, parent: parent?.pointer });
    const node = {
      ...{ id, size, sort, label, block: size, byte: 1 + (Number(id) % 200) },
      ...{ live: true, viewed: false, mark: null, held: 0, calls: 0, children: 0 },
      parent: parent?.node ?? null,
    };
    if (parent !== undefined) parent.node.children++;
    this.nodes.set(id, node);
    this.handles.push({ pointer, node });
    this.totals.tracked++;
    this.totals.chargedBytes += size;
  }

  track(given) {
    this.#enter(given);
  }

  child(given, at) {
    this.#enter(given, this.handles[at]);
  }

  dispose(_, at) {
    const [{ pointer, node }] = this.handles.splice(at, 1);
    node.live = false;
    node.disposed = true;
    node.mustGo = true;
    node.atOnce = !this.#isLent(node) && node.held + node.children === 0; // whatever else is called back
    this.totals.disposed++;
    pointer.dispose();
    pointer.dispose();
    this.ended.push(pointer);
  }

  drop(_, at) {
    const [{ node }] = this.handles.splice(at, 1);
    node.live = false;
    node.dropped = true;
  }

  /** Whether it depends on the collector who needs it: where there are views, it is asked before a pointer is refused. */
  #isUsedPerhaps(node) {
    const isBelow = ({ parent }) => parent !== null && (parent === node || isBelow(parent));
    return (
      this.library.binding.hasViews() &&
      (node.viewed || [...this.nodes.values()].some((n) => (n.dropped || n.viewed) && isBelow(n)))
    );
  }

  release(_, at) {
    const { pointer, node } = this.handles[at];
    if (this.#isLent(node) || this.#isUsedPerhaps(node)) return;
    if (node.children + node.held > 0) {
      refused('ERR_TALLY_IN_USE', () => pointer.release());
      assert.equal(pointer.disposed, false);
      return;
    }
    if (node.parent?.dropped) return; // it depends on the collector whether it has ended
    if (node.parent?.mustGo) {
      refused('ERR_TALLY_IN_USE', () => pointer.release());
      return;
    }
    this.handles.splice(at, 1);
    const address = pointer.release();
    assert.equal(things.id(address), node.id);
    this.nodes.delete(node.id);
    if (node.parent !== null) node.parent.children--;
    this.totals.released++;
    this.run.notice(); // before the free that is our own
    things.free(address);
    this.run.seen++;
    this.ended.push(pointer);
  }

  resize({ by }, at) {
    const { pointer, node } = this.handles[at];
    if (by > 0) things.enlarge(pointer.address, by);
    pointer.resize(node.size + by);
    node.size += by;
    this.totals.chargedBytes += by;
    assert.equal(pointer.size, node.size);
  }

  /** As an asynchronous call does. */
  hold(_, at) {
    const { pointer, node } = this.handles[at];
    const slot = this.library.access.slotOf(pointer);
    this.library.binding.hold(slot);
    node.held++;
    this.held.push({ slot, node });
  }

  unhold(_, at) {
    const [{ slot, node }] = this.held.splice(at, 1);
    node.held--;
    this.library.binding.unhold(slot);
    this.library.drain(Infinity);
  }

  /** A call on another thread, whose end comes when it comes. */
  call({ ms }, at) {
    const { pointer, node } = this.handles[at];
    this.#lend(node);
    this.library.sumSlow.async(pointer, ms, this.run.begin(node));
  }

  async ['settle calls']() {
    await Promise.all(this.run.calls);
    await setImmediate(); // until then Koffi is on the stack, with the arguments
  }

  turn() {
    return setImmediate();
  }

  /** Hands a view to what uses it later. How long it does, only what arrives can tell: it may have made a copy. */
  use({ how }, at) {
    const handle = this.handles[at];
    const done = this.run.begin();
    use(how, bytesOf(handle), handle.node.byte).then(() => done(), done);
  }

  /** Moves the memory, so that a buffer has it that we do not know. */
  async move({ how }, at) {
    const { node } = this.handles[at];
    if (node.viewed) return; // it would be taken away from those that use it
    this.run.hold(node);
    const bytes = bytesOf(this.handles[at]);
    const moved = await moves[how](bytes);
    expectAll(moved, node.byte, how);
    // Some versions copy what they do not move.
    if (moved.buffer === bytes.buffer || bytes.length === 0) this.run.moved.push({ bytes: moved, node });
    else this.run.letGo(node);
  }

  ['let go of moved'](_, at) {
    const [{ bytes, node }] = this.run.moved.splice(at, 1);
    expectAll(bytes, node.byte, 'what was moved');
    this.run.letGo(node);
  }

  /** C calls back, where the other commands are carried out. */
  ['call back']({ reenters, inside }, at) {
    const { pointer, node } = this.handles[at];
    const { call, callReentering } = this.library;
    if (!reenters) this.stack.push({});
    this.#lend(node);
    this.run.hold(node);
    let failure = null;
    const callback = () => {
      try {
        this.run.callBack(inside);
      } catch (error) {
        failure = error;
      }
      return 7;
    };
    const result = (reenters ? callReentering : call)(pointer, callback, 1);
    if (failure !== null) throw failure;
    assert.equal(result, 7);
    if (!reenters) this.stack.pop();
    this.run.letGo(node);
  }

  /** A timeout takes a call of C off the stack. */
  ['cut off'](_, at) {
    const { pointer, node } = this.handles[at];
    this.stack.push({});
    this.#lend(node);
    cutOff(() => this.library.call(pointer, forever, 1));
  }

  /** What was cut off is known to be when the event loop has turned, once there was something to do. */
  async recover() {
    this.run.notice();
    this.library.collect();
    for (let i = 0; i < 3; i++) await setImmediate();
    this.stack.length = 0;
  }

  ['change Error']({ how }) {
    changes[how % changes.length]();
  }

  reload() {
    this.run.reload();
  }

  ['hand over'](_, at) {
    const { pointer, node } = this.handles[at];
    if (this.#isUsedPerhaps(node)) return;
    const isUsed = this.isHeldUp || node.children + node.held > 0;
    if (!isNative || isUsed || node.parent !== null || IN_JAVASCRIPT.includes(node.sort)) {
      refused(isUsed ? 'ERR_TALLY_IN_USE' : 'ERR_TALLY_UNSUPPORTED', () => this.library.handOver(pointer));
      assert.equal(pointer.disposed, false);
      return;
    }
    this.handles.splice(at, 1);
    this.run.transit.push({ token: this.library.handOver(pointer), node });
    this.nodes.delete(node.id);
    this.totals.released++;
    this.ended.push(pointer);
  }

  #expectGone(token) {
    refused('ERR_TALLY_TAKEN_OVER', () => this.library.takeOver(token));
  }

  ['take over'](_, at) {
    const [{ token, node }] = this.run.transit.splice(at, 1);
    const pointer = this.library.takeOver(structuredClone(token));
    this.#expectGone(token);
    this.nodes.set(node.id, node);
    this.handles.push({ pointer, node });
    this.totals.tracked++;
    this.totals.chargedBytes += node.size;
  }

  async ['give to a worker']({ how }, at) {
    const { run } = this;
    const [{ token, node }] = run.transit.splice(at, 1);
    run.away.set(node.id, node);
    node.live = how === 'keep';
    const answer = await run.ask(how, token);
    this.#expectGone(token);
    if (how === 'hand back') {
      run.away.delete(node.id);
      node.live = true;
      run.transit.push({ token: answer, node });
    } else if (how === 'keep') {
      run.notice();
      for (const kept of run.away.values()) kept.live = false;
      await run.endWorker();
    }
    run.notice();
    assert.equal(run.away.size, 0, 'the other thread has not freed what it had');
  }

  report({ delta }) {
    const { reportExternal } = this.library;
    if (this.manual + delta < 0) {
      refused('ERR_TALLY_UNBALANCED', () => reportExternal(delta));
      return;
    }
    this.manual += delta;
    assert.equal(reportExternal(delta), this.manual);
  }

  bad({ sort }) {
    const { track, destructors } = this.library;
    const address = things.make(10);
    const free = sort === SIZED ? things.FREE : destructors[sort]();
    refused('ERR_TALLY_INVALID_ARG_VALUE', () => track(address, { size: -1, free }));
    this.run.notice(1);
  }

  ['use after end'](_, at) {
    const pointer = this.ended[at];
    pointer.dispose();
    refused('ERR_TALLY_DISPOSED', () => pointer.address);
    refused('ERR_TALLY_DISPOSED', () => pointer.resize(1));
    refused('ERR_TALLY_DISPOSED', () => pointer.release());
  }

  collect({ type }) {
    const found = this.library.collect({ type });
    if (this.isHeldUp) {
      same(found, { bytes: 0, pointers: 0 });
      return undefined;
    }
    if (type === 'minor') return undefined;
    if (!isNative) return this.run.isCalledBack ? undefined : this.#collectLater();
    this.#expectNoGarbage();
    return undefined;
  }

  #expectNoGarbage() {
    for (const node of this.nodes.values()) if (node.dropped && node.calls === 0) node.mustGo = true;
  }

  /** The backend in JavaScript frees on the event loop; where the machine is slow, one pointer in a turn. */
  async #collectLater() {
    const isDone = async () => {
      this.run.notice();
      for (let before = -1; before !== this.run.seen; this.run.notice()) {
        before = this.run.seen;
        for (let i = 0; i < 5; i++) await setImmediate(); // V8 tells of the dead in turns of its own
      }
      const gone = [...this.nodes.values()].filter((node) => !node.live);
      const { dead } = this.library.stats();
      return dead.pointers === gone.length && gone.every((node) => node.held + node.children > 0);
    };
    // Most often the collection was enough.
    if (!(await isDone()))
      await gcUntil('the dropped are found, and freed as far as nothing holds them', isDone);
    this.#expectNoGarbage();
  }

  /** That thing was freed: was it allowed to go? */
  expectFree({ id, live, held, children, atOnce }) {
    const why = { id, live, held, children, atOnce, isHeldUp: this.isHeldUp };
    assert.ok(
      !live && held === 0 && children === 0 && (atOnce || !this.isHeldUp),
      `freed too early: ${inspect(why)}`,
    );
  }

  free(node) {
    this.nodes.delete(node.id);
    if (node.parent !== null) node.parent.children--;
    if (node.dropped) this.totals.collected++;
  }

  // A view is known not to be used some time after it was collected.
  #overdue() {
    return [...this.nodes.values()].filter(
      ({ mustGo, viewed, held, children, atOnce }) =>
        mustGo && !viewed && held + children === 0 && (atOnce || !this.isHeldUp),
    );
  }

  get isWaiting() {
    return this.#overdue().length > 0;
  }

  /** All that ought to be gone is gone, and the books say what is left. Returns its bytes. */
  check() {
    const { binding, stats } = this.library;
    const overdue = this.#overdue();
    assert.equal(overdue.length, 0, `not freed: ${inspect(overdue)}, ${inspect(binding.stats())}`);
    let bytes = 0;
    let disposedButThere = 0;
    const accounts = { red: 0, green: 0, blue: 0 };
    for (const node of this.nodes.values()) {
      bytes += node.size;
      accounts[node.label] += node.size;
      if (node.disposed) disposedButThere++;
    }
    const ledger = stats();
    same(ledger, { bytes, pointers: this.nodes.size, manual: this.manual });
    const { tracked, chargedBytes, released, collected, disposed, failed } = this.totals;
    same(ledger.totals, {
      ...{ tracked, chargedBytes, released, collected, failed },
      disposed: disposed - disposedButThere,
    });
    for (const { label, bytes: charged } of ledger.accounts) {
      if (label in accounts) assert.equal(charged, accounts[label]);
    }
    const told = bytes + this.manual;
    assert.ok(ledger.reported <= told, `${ledger.reported} reported of ${told}`);
    return bytes;
  }

  /** Lets go of everything. */
  async end(collecting) {
    while (this.held.length > 0) this.unhold(null, 0);
    while (this.handles.length > 0) this[collecting ? 'drop' : 'dispose'](null, this.handles.length - 1);
    this.report({ delta: -this.manual });
    this.ended.length = 0;
    if (this.nodes.size > 0) await this.collect({ type: 'major' });
    this.run.notice();
    // Of a view V8 may tell later that nobody has it any more.
    for (let i = 0; i < 200 && this.nodes.size > 0; i++) {
      await setImmediate();
      this.library.collect();
      this.run.notice();
    }
    this.run.check();
    same(this.library.stats(), { bytes: 0, pointers: 0, manual: 0, reported: 0 });
  }
}

module.exports = { Books, same };
