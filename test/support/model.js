'use strict';
// Random operations against a plain JavaScript model. The referee says which things are freed and when; the model
// says whether that was allowed, and what the ledgers must show. Plain Node, no Jest: model.test.js runs it, and anyone
// can run more of it:
//   node test/support/model.js [runs] [seed]

const assert = require('node:assert');
const { once } = require('node:events');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const fc = require('fast-check');
const { restoreError } = require('./disturb.js');
const { gcUntil } = require('./gc-until.js');
const { Books, same } = require('./model/books.js');
const { program } = require('./model/commands.js');
const { first, load } = require('./model/library.js');
const things = require('./things.js');
const { close, expectAll } = require('./uses.js');

const WORKER = path.join(__dirname, 'model/worker.js');
const COPIES = 3; // of the library, in one run

let library = first; // of which the next run begins with the last
let worker = null;

const sums = { tracked: 0, freed: 0 };

let ended = 0; // runs

// A call that takes long is told of: not what is judged here, and where the machine is slow each may.
process.on('warning', (warning) => {
  if (warning.code !== 'FFI_TALLY_LONG_CALL') console.error(warning);
});

function counterWithoutBuffers() {
  const { counter, arrayBuffers } = library.memoryUsage();
  return counter - arrayBuffers;
}

const counter = counterWithoutBuffers();

/** Nothing is left of what V8 was told; it lets go of Node's own Buffers and sources, and of ballast, when it likes. */
async function expectCounterBack() {
  const isBack = () => Math.abs(counterWithoutBuffers() - counter) < 2 ** 18;
  if (!isBack()) await gcUntil(`V8's counter is where it was`, isBack);
}

/** What the copies of the library have in common. */
class Run {
  constructor(poisons) {
    things.poison(poisons ? 2 ** 26 : 0); // of what was freed, of a run before, nobody has anything any more
    things.reset();
    this.seen = 0; // frees that the model knows of
    this.copies = [new Books(library, this)];
    this.transit = []; // { token, node }
    this.away = new Map(); // id of a thing -> what the model knows of it, while another thread has it
    this.calls = new Set(); // promises of asynchronous calls, and of other uses
    this.failure = null; // of one of them
    this.moved = []; // { bytes, node }
    this.depth = 0; // callbacks on the stack
  }

  get isCalledBack() {
    return this.depth > 0;
  }

  #step(given) {
    return this.copies[given.copy % this.copies.length].step(given);
  }

  async do(commands) {
    for (const given of commands) {
      const pending = this.#step(given);
      if (pending !== undefined) await pending;
      for (const copy of this.copies) if (copy.isHeldUp) await copy.recover();
      this.check();
    }
  }

  /** The same in a callback from C. */
  callBack(commands) {
    this.depth++;
    for (const given of commands) {
      this.#step(given);
      this.check();
    }
    this.depth--;
  }

  reload() {
    if (this.copies.length === COPIES) return;
    library = load();
    this.copies.push(new Books(library, this));
  }

  /** Has the other thread do that; resolves to its answer. */
  async ask(how, given) {
    worker ??= new Worker(WORKER);
    worker.postMessage({ how, given });
    const [answer] = await once(worker, 'message');
    return answer;
  }

  async endWorker() {
    await worker?.terminate();
    worker = null;
  }

  /** Something uses it, and keeps the pointer. */
  hold(node) {
    node.held++;
    node.calls++;
  }

  letGo(node) {
    node.held--;
    node.calls--;
  }

  /** A use begins, that ends when what is returned is called. Until then it has `node`, if that is given. */
  begin(node = null) {
    if (node !== null) this.hold(node);
    let done;
    const call = new Promise((resolve) => {
      done = (error) => {
        if (node !== null) this.letGo(node);
        this.calls.delete(call);
        if (error) this.failure ??= error;
        resolve();
      };
    });
    this.calls.add(call);
    return done;
  }

  /** Looks at what has been freed since the last time: was each of them allowed to go? */
  notice(strangers = 0) {
    const { freed } = things.counters();
    for (; this.seen < freed; this.seen++) {
      const id = Number(things.freedId(this.seen));
      const owner = this.copies.find(({ nodes }) => nodes.has(id));
      if (owner !== undefined) {
        const node = owner.nodes.get(id);
        owner.expectFree(node);
        owner.free(node);
      } else if (this.away.has(id)) {
        assert.equal(this.away.get(id).live, false, `${id}, which another thread has, was freed too early`);
        this.away.delete(id);
      } else {
        assert.ok(strangers-- > 0, `thing ${id} was freed, which is not ours`);
      }
    }
    assert.equal(strangers, 0);
  }

  check() {
    if (this.failure !== null) throw this.failure;
    this.notice();
    if (this.copies.some(({ isWaiting }) => isWaiting)) {
      // What a turn of the event loop has found dead is freed in slices, and this machine may be slow.
      for (const copy of this.copies) copy.library.drain(Infinity);
      this.notice();
    }
    let bytes = 0;
    let live = 0;
    for (const copy of this.copies) {
      bytes += copy.check();
      live += copy.nodes.size;
    }
    for (const { node } of this.transit) bytes += node.size;
    same(things.counters(), {
      ...{ live: live + this.transit.length, live_bytes: bytes },
      ...things.faultless,
    });
    for (const { bytes: moved, node } of this.moved) expectAll(moved, node.byte, 'what was moved');
  }

  async end(collecting) {
    const [copy] = this.copies;
    restoreError();
    await copy['settle calls']();
    while (this.moved.length > 0) copy['let go of moved'](null, 0);
    while (this.transit.length > 0) copy['take over'](null, 0);
    for (const each of this.copies) {
      await each.end(collecting);
      const { tracked, collected, disposed } = each.library.stats().totals;
      const { before } = each;
      sums.tracked += tracked - before.tracked;
      sums.freed += collected + disposed - before.collected - before.disposed;
    }
  }
}

async function run(commands, collecting, poisons) {
  const running = new Run(poisons);
  try {
    await running.do(commands);
    await running.end(collecting);
  } finally {
    restoreError();
  }
  if (++ended % 10 === 0) await expectCounterBack();
}

async function main([runs = '250', seed]) {
  await fc.assert(fc.asyncProperty(program, fc.boolean(), fc.boolean(), run), {
    numRuns: Number(runs),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    // A failed run leaves the books in disorder: its successors would fail for that.
    endOnFailure: true,
  });
  await expectCounterBack();
  await worker?.terminate();
  close();
  console.log(JSON.stringify({ runs: Number(runs), ...sums }));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
