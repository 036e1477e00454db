'use strict';
// The half of the record that only the program's own threads can write, each for itself: accounts, collections, the
// audit; and their figures, for the samples. Those go on while a thread is busy: sampler.js writes them.

const fs = require('node:fs');
const path = require('node:path');
const v8 = require('node:v8');
const { PerformanceObserver, constants, performance } = require('node:perf_hooks');
const { Worker, isMainThread, threadId } = require('node:worker_threads');
const binding = require('../../binding');
const { stats } = require('../../figures/stats');
const { follow } = require('./follow');
const { taskOfThisThread } = require('./silence');
const { ASKED, BEGUN, DONE, ENDED, MUST_END, PUBLISH } = require('./state');
const { ThreadTable } = require('./thread-table');

// For the sampler to start and to end: turns of so many milliseconds. Not a time, because where the machine stands still,
// so does the sampler. It has much to load when it starts.
const PATIENCE = { [BEGUN]: 1000, [ENDED]: 100 };
const TURN = 10;
const SNAPSHOT = 500; // milliseconds between two audits of a program that never returns to its event loop
// The longer a program has run, the longer it is from one to the next, so that its record can still be read.
const ACCOUNTS_FRACTION = 1 / 1000;
const AUDIT_FRACTION = 1 / 100;
const AUDIT_REST = 20; // between two audits, times what one takes: it looks at each block, and the program waits

class Recorder {
  #file;
  #state;
  #threadTable;
  #publish;
  #sampler;
  #audit;
  #ended = false;
  #auditedAt = 0;
  #auditTook = 0;
  #accountsAt = 0;
  #tickedAt = 0;

  constructor({ file, audit, interval, cap, isMain, state, threadTable, parent }) {
    this.#file = fs.openSync(file, 'a');
    this.#audit = audit;
    this.#state = new Int32Array(state);
    this.#threadTable = new ThreadTable(threadTable);
    this.#publish = this.#threadTable.take(threadId, parent, taskOfThisThread());
    this.write({
      type: 'start',
      pid: process.pid,
      node: process.version,
      command: process.argv.slice(1),
      heapLimit: v8.getHeapStatistics().heap_size_limit,
    });
    this.publish();
    if (!isMainThread) return;
    if (audit) binding.noteCrash(this.#file);
    Object.defineProperty(globalThis, Symbol.for(PUBLISH), { value: () => this.publish() });
    this.#startSampler({ file, interval, cap, isMain, state, threadTable });
  }

  write(line) {
    fs.writeSync(
      this.#file,
      `${JSON.stringify({ at: Date.now(), pid: process.pid, thread: threadId, ...line })}\n`,
    );
  }

  #startSampler(workerData) {
    const worker = new Worker(path.join(__dirname, 'sampler.js'), {
      // Without the permission Node does not refuse, but abort.
      workerData: { ...workerData, mayAsk: process.permission?.has('inspector') ?? true },
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: '' }, // what the program preloads is not for this thread
      stdin: false,
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 },
    });
    worker.unref();
    this.#sampler = worker;
    // Without samples there is still the rest; the program is not ours to end.
    worker.on('error', (error) => this.write({ type: 'error', message: error.message }));
    // What Node allocates to start a thread is not to be taken for what the program's calls keep.
    this.#waitFor(BEGUN);
  }

  /** Whether it is no worker of the program's: our own, or the thread that Node starts for hooks. */
  isOwn(worker) {
    return worker === this.#sampler || worker.constructor.name === 'InternalWorker';
  }

  #waitFor(word) {
    for (let turn = 0; turn < PATIENCE[word]; turn++) {
      if (Atomics.wait(this.#state, word, 0, TURN) !== 'timed-out') return;
    }
  }

  /** What the sampler cannot see from its own thread. */
  publish() {
    const usage = process.memoryUsage();
    const statistics = v8.getHeapStatistics();
    this.#publish({ ...usage, ...statistics, ...binding.memory(), publishedAt: Date.now() });
  }

  #writeAccounts() {
    this.#accountsAt = performance.now();
    const { accounts } = stats();
    if (accounts.length === 0) return;
    this.write({
      type: 'accounts',
      accounts: accounts.map(({ label, bytes, pointers }) => ({ label, bytes, pointers })),
    });
  }

  #writeAudit() {
    const begin = performance.now();
    if (this.#audit) this.write({ type: 'audit', audit: require('../audit/audit').auditSoFar() });
    this.#auditedAt = performance.now();
    this.#auditTook = this.#auditedAt - begin;
  }

  get #mustEnd() {
    return isMainThread && Atomics.load(this.#state, MUST_END) === ASKED;
  }

  /** What can be told at this moment. */
  tick() {
    this.#tickedAt = performance.now();
    this.publish();
    const age = this.#tickedAt;
    if (age - this.#accountsAt >= age * ACCOUNTS_FRACTION) this.#writeAccounts();
    const rest = Math.max(SNAPSHOT, age * AUDIT_FRACTION, this.#auditTook * AUDIT_REST);
    if (age - this.#auditedAt >= rest) this.#writeAudit();
    if (this.#mustEnd) this.end();
  }

  /** From the C calls of a program that may be in a loop. */
  beat = () => {
    const due = performance.now() - this.#tickedAt >= SNAPSHOT;
    if (due || this.#mustEnd) this.tick();
  };

  gc({ startTime, duration, detail }) {
    if (detail.kind !== constants.NODE_PERFORMANCE_GC_MAJOR) return;
    this.write({ type: 'gc', at: Math.round(performance.timeOrigin + startTime), ms: duration });
  }

  /** Has the sampler take its last sample, and waits for it: nothing of ours or of the program's runs afterwards. */
  close() {
    if (this.#mustEnd || Atomics.load(this.#state, BEGUN) === 0) return;
    this.publish();
    this.#sampler.postMessage('end');
    this.#waitFor(ENDED);
  }

  /** The last words. */
  end(more = {}) {
    if (this.#ended) return;
    this.#ended = true;
    this.publish();
    this.#writeAccounts();
    this.#writeAudit();
    if (!isMainThread) return this.ended(threadId);
    this.write({ type: 'end', ...more });
    Atomics.store(this.#state, MUST_END, DONE);
    Atomics.notify(this.#state, MUST_END);
  }

  /** A thread has ended, and its workers with it: those have no last words, nor has one that is terminated. */
  ended(id) {
    for (const thread of new Set([id, ...this.#threadTable.leave(id)])) this.write({ type: 'end', thread });
  }
}

/** Calls `last` when all that the program does on 'exit' is done. */
function onLastExit(last) {
  const { emit } = process;
  process.emit = function (name) {
    try {
      return emit.apply(this, arguments);
    } finally {
      if (name === 'exit') last();
    }
  };
}

// A signal that nobody handles ends the program without an 'exit'.
function onSignal(recorder, signal) {
  const handler = () => {
    if (process.listenerCount(signal) > 1) return;
    recorder.end({ signal });
    recorder.close();
    process.removeListener(signal, handler);
    process.kill(process.pid, signal);
  };
  process.on(signal, handler);
}

function start(options) {
  const recorder = new Recorder(options);
  if (options.audit) {
    require('../audit/listener').turnOn().calls.onCall = recorder.beat;
    require('../audit/audit').collectBeforeExit();
    require('./replace-koffi').tellUnreplaced(() => recorder.write({ type: 'unreplaced' }));
  }
  setInterval(() => recorder.tick(), options.interval).unref();
  process.on('exit', (code) => recorder.end({ code }));
  if (isMainThread) onLastExit(() => recorder.close());
  process.on('worker', (worker) => {
    if (recorder.isOwn(worker)) return; // Node tells of it later than it is started
    const { threadId: id } = worker; // later it has none
    worker.on('online', () => recorder.write({ type: 'worker', worker: id }));
    worker.on('exit', () => recorder.ended(id));
  });
  follow(options, (line) => recorder.write(line));
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => recorder.gc(entry))).observe({
    entryTypes: ['gc'],
  });
  if (!isMainThread) return;
  for (const signal of ['SIGINT', 'SIGTERM']) onSignal(recorder, signal);
}

module.exports = { start };
