'use strict';
// Random operations against a plain JavaScript model. The referee says which things are freed and when; the model
// says whether that was allowed, and what the ledger must show. Plain Node, no Jest: model.test.js runs it, and anyone
// can run more of it:
//   node test/support/model.js [runs] [seed]

const assert = require('node:assert');
const { once } = require('node:events');
const { setImmediate } = require('node:timers/promises');
const { inspect } = require('node:util');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const fc = require('fast-check');
const tally = require('../../lib');
const binding = require('../../lib/binding');
const { withOwnership } = require('../../lib/ffi/koffi');
const { access } = require('../../lib/pointers/tracked-pointer');
const { drain } = require('../../lib/reclaim/destroy');
const { counting } = require('./counting.js');
const { gcUntil } = require('./gc-until.js');
const things = require('./things.js');

const { POINTER, SIZE, collect, handOver, memoryUsage, reportExternal, stats, takeOver, track } = tally;
const { FREE, FREE_SIZED, counters } = things;
const isNative = binding.backend === 'native';

const koffi = withOwnership(things.koffi);
koffi.opaque('ModelThing');
koffi.owned('OwnedModelThing', 'ModelThing *', { free: 'thing_free', size: 1 });
const slowCall = koffi.load(counting).func('int thing_sum_slow(ModelThing *thing, int ms)');

const destructors = [
  () => FREE,
  () => (address) => things.free(address),
  () => things.free,
  ...(binding.canBind ? [() => ({ address: FREE_SIZED, args: [POINTER, SIZE] })] : []),
];
const SIZED = 3;
const IN_JAVASCRIPT = [1, 2];

const index = fc.nat(1000);
const size = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 2000 }) },
  fc.constant(70_000),
  fc.constant(2 ** 20),
);
const sort = fc.nat(destructors.length - 1);
const label = fc.constantFrom('red', 'green', 'blue');

const command = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('track'), size, sort, label }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('child'), of: index, size, sort, label }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('dispose'), of: index }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('drop'), of: index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release'), of: index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('resize'), of: index, by: fc.nat(5000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hold'), of: index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unhold'), of: index }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('report'), delta: fc.integer({ min: -5000, max: 10_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('call'), of: index, ms: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settle calls') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hand over'), of: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('take over'), of: index }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('give to a worker'),
      of: index,
      how: fc.constantFrom('dispose', 'drop', 'keep', 'hand back'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('bad'), sort }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('use after end'), of: index }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('collect'), type: fc.constantFrom('major', 'minor') }),
  },
);

function same(actual, expected) {
  for (const [key, value] of Object.entries(expected)) {
    assert.equal(actual[key], value, `${key} is ${actual[key]}, expected ${value}`);
  }
}

function counterWithoutBuffers() {
  const { counter, arrayBuffers } = memoryUsage();
  return counter - arrayBuffers;
}

function refused(code, attempt) {
  assert.throws(attempt, { code });
}

/** What the other thread does with the tokens that it gets. */
function serve() {
  const kept = [];
  const take = (token) => takeOver(token);
  const hows = {
    dispose: (token) => take(token).dispose(),
    drop(token) {
      (() => void take(token))();
      collect();
    },
    keep: (token) => void kept.push(take(token)),
    'hand back': (token) => handOver(take(token)),
  };
  parentPort.on('message', ({ how, token }) => parentPort.postMessage(hows[how](token)));
}

let other = null;

/** Has the other thread do that; resolves to its answer. */
async function ask(how, token) {
  other ??= new Worker(__filename);
  other.postMessage({ how, token });
  const [answer] = await once(other, 'message');
  return answer;
}

async function endOther() {
  await other?.terminate();
  other = null;
}

class Run {
  constructor() {
    things.reset();
    this.seen = 0; // frees that the model knows of
    this.nodes = new Map(); // id of a thing -> what the model knows of it, while its bytes are charged
    this.handles = []; // { pointer, node } that the program still has
    this.held = []; // { slot, node }
    this.transit = []; // { token, node }
    this.away = new Map(); // id of a thing -> what the model knows of it, while another thread has it
    this.calls = new Set(); // promises of asynchronous calls
    this.ended = []; // pointers after their end
    this.manual = 0;
    this.totals = { ...stats().totals };
    this.counter = counterWithoutBuffers();
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
      'take over': this.transit,
      'give to a worker': this.transit,
    };
    const list = lists[given.do] ?? this.handles;
    return list.length > 0 ? handler.call(this, given, given.of % list.length) : undefined;
  }

  #enter({ size, sort, label }, parent) {
    const address = things.make(size);
    const id = things.id(address);
    const pointer = track(address, { size, free: destructors[sort](), label, parent: parent?.pointer });
    const node = {
      id,
      size,
      sort,
      label,
      live: true,
      held: 0,
      calls: 0,
      children: 0,
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
    node.mustGo = true;
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

  release(_, at) {
    const { pointer, node } = this.handles[at];
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
    this.notice(); // before the free that is our own
    things.free(address);
    this.seen++;
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
    const slot = access.slotOf(pointer);
    binding.hold(slot);
    node.held++;
    this.held.push({ slot, node });
  }

  unhold(_, at) {
    const [{ slot, node }] = this.held.splice(at, 1);
    node.held--;
    binding.unhold(slot);
    drain(Infinity);
  }

  /** A call on another thread, whose end comes when it comes. */
  call({ ms }, at) {
    slowCall.async(this.handles[at].pointer, ms, this.#whenCalled(this.handles[at].node));
  }

  #whenCalled(node) {
    node.held++;
    node.calls++; // which keep the pointer itself
    let done;
    const call = new Promise((resolve, reject) => {
      done = (error) => (error ? reject(error) : resolve());
    });
    this.calls.add(call);
    return (error) => {
      node.held--;
      node.calls--;
      this.calls.delete(call);
      done(error);
    };
  }

  async ['settle calls']() {
    await Promise.all(this.calls);
    await setImmediate(); // until then Koffi is on the stack, with the arguments
  }

  ['hand over'](_, at) {
    const { pointer, node } = this.handles[at];
    const isUsed = node.children + node.held > 0;
    if (!isNative || isUsed || node.parent !== null || IN_JAVASCRIPT.includes(node.sort)) {
      refused(isUsed ? 'ERR_TALLY_IN_USE' : 'ERR_TALLY_UNSUPPORTED', () => handOver(pointer));
      assert.equal(pointer.disposed, false);
      return;
    }
    this.handles.splice(at, 1);
    this.transit.push({ token: handOver(pointer), node });
    this.nodes.delete(node.id);
    this.totals.released++;
    this.ended.push(pointer);
  }

  #expectGone(token) {
    refused('ERR_TALLY_TAKEN_OVER', () => takeOver(token));
  }

  ['take over'](_, at) {
    const [{ token, node }] = this.transit.splice(at, 1);
    const pointer = takeOver(structuredClone(token));
    this.#expectGone(token);
    this.nodes.set(node.id, node);
    this.handles.push({ pointer, node });
    this.totals.tracked++;
    this.totals.chargedBytes += node.size;
  }

  async ['give to a worker']({ how }, at) {
    const [{ token, node }] = this.transit.splice(at, 1);
    this.away.set(node.id, node);
    node.live = how === 'keep';
    const answer = await ask(how, token);
    this.#expectGone(token);
    if (how === 'hand back') {
      this.away.delete(node.id);
      node.live = true;
      this.transit.push({ token: answer, node });
    } else if (how === 'keep') {
      this.notice();
      for (const kept of this.away.values()) kept.live = false;
      await endOther();
    }
    this.notice();
    assert.equal(this.away.size, 0, 'the other thread has not freed what it had');
  }

  report({ delta }) {
    if (this.manual + delta < 0) {
      refused('ERR_TALLY_UNBALANCED', () => reportExternal(delta));
      return;
    }
    this.manual += delta;
    assert.equal(reportExternal(delta), this.manual);
  }

  bad({ sort }) {
    const address = things.make(10);
    const free = sort === SIZED ? FREE : destructors[sort]();
    refused('ERR_TALLY_INVALID_ARG_VALUE', () => track(address, { size: -1, free }));
    this.notice(1);
  }

  ['use after end'](_, at) {
    const pointer = this.ended[at];
    pointer.dispose();
    refused('ERR_TALLY_DISPOSED', () => pointer.address);
    refused('ERR_TALLY_DISPOSED', () => pointer.resize(1));
    refused('ERR_TALLY_DISPOSED', () => pointer.release());
  }

  collect({ type }) {
    collect({ type });
    if (type === 'minor') return undefined;
    if (binding.backend === 'javascript') return this.#collectLater();
    this.#expectNoGarbage();
    return undefined;
  }

  #expectNoGarbage() {
    for (const node of this.nodes.values()) if (node.dropped && node.calls === 0) node.mustGo = true;
  }

  /** The backend in JavaScript frees on the event loop; where the machine is slow, one pointer in a turn. */
  async #collectLater() {
    await gcUntil('the dropped are found, and freed as far as nothing holds them', async () => {
      this.notice();
      for (let before = -1; before !== this.seen; this.notice()) {
        before = this.seen;
        await setImmediate();
      }
      const gone = [...this.nodes.values()].filter((node) => !node.live);
      return stats().dead.pointers === gone.length && gone.every((node) => node.held + node.children > 0);
    });
    this.#expectNoGarbage();
  }

  /** Looks at what has been freed since the last time: was each of them allowed to go? */
  notice(strangers = 0) {
    const { freed } = counters();
    for (; this.seen < freed; this.seen++) {
      const id = Number(things.freedId(this.seen));
      const isAway = this.away.has(id);
      const node = isAway ? this.away.get(id) : this.nodes.get(id);
      if (node === undefined) {
        assert.ok(strangers-- > 0, `thing ${id} was freed, which is not ours`);
        continue;
      }
      const { live, held, children } = node;
      assert.ok(
        !live && held === 0 && children === 0,
        `freed too early: ${inspect({ id, live, held, children })}`,
      );
      if (isAway) {
        this.away.delete(id);
        continue;
      }
      this.nodes.delete(id);
      if (node.parent !== null) node.parent.children--;
      if (node.dropped) this.totals.collected++;
    }
    assert.equal(strangers, 0);
  }

  #overdue() {
    return [...this.nodes.values()].filter(({ mustGo, held, children }) => mustGo && held + children === 0);
  }

  check() {
    this.notice();
    if (this.#overdue().length > 0) {
      // What a turn of the event loop has found dead is freed in slices, and this machine may be slow.
      drain(Infinity);
      this.notice();
    }
    // All that ought to be gone is gone.
    const overdue = this.#overdue();
    assert.equal(overdue.length, 0, `not freed: ${inspect(overdue)}, ${inspect(binding.stats())}`);
    let bytes = 0;
    let disposedButThere = 0;
    const accounts = { red: 0, green: 0, blue: 0 };
    for (const node of this.nodes.values()) {
      bytes += node.size;
      accounts[node.label] += node.size;
      if (node.mustGo && !node.dropped) disposedButThere++;
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
    assert.ok(
      ledger.reported <= bytes + this.manual,
      `${ledger.reported} reported of ${bytes + this.manual}`,
    );
    const inTransit = this.transit.reduce((sum, { node }) => sum + node.size, 0);
    const live = { live: this.nodes.size + this.transit.length, live_bytes: bytes + inTransit };
    same(counters(), { ...live, ...things.faultless });
  }

  /** Lets go of everything. */
  async end(collecting) {
    await this['settle calls']();
    while (this.held.length > 0) this.unhold(null, 0);
    while (this.transit.length > 0) this['take over'](null, 0);
    while (this.handles.length > 0) this[collecting ? 'drop' : 'dispose'](null, this.handles.length - 1);
    reportExternal(-this.manual);
    this.manual = 0;
    this.ended.length = 0;
    await this.collect({ type: 'major' });
    this.check();
    same(stats(), { bytes: 0, pointers: 0, manual: 0, reported: 0 });
    // V8 lets go of Node's own Buffers and sources when it likes.
    const moved = () => Math.abs(counterWithoutBuffers() - this.counter);
    const isBack = () => moved() < 2 ** 18;
    // Ballast is a buffer like any other.
    if (binding.backend === 'javascript') await gcUntil(`V8's counter is where it was`, isBack);
    assert.ok(isBack(), `V8's counter is off by ${moved()} bytes`);
  }
}

async function run(commands, collecting) {
  const program = new Run();
  for (const given of commands) {
    const pending = program.step(given);
    if (pending !== undefined) await pending;
    program.check();
  }
  await program.end(collecting);
}

async function main([runs = '500', seed]) {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 150, size: 'max' }), fc.boolean(), run),
    {
      numRuns: Number(runs),
      ...(seed === undefined ? {} : { seed: Number(seed) }),
      // A failed run leaves the books in disorder: its successors would fail for that.
      endOnFailure: true,
    },
  );
  await endOther();
  const { tracked, disposed, collected } = stats().totals;
  console.log(JSON.stringify({ runs: Number(runs), tracked, freed: disposed + collected }));
}

if (isMainThread) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(error);
    process.exit(1);
  });
} else {
  serve();
}
