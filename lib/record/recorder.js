'use strict';
// The half of the record that only the program's own thread can write: its heap, its accounts, its collections, the
// audit. The other half, samples that go on while this thread is busy, is written by sampler.js.

const fs = require('node:fs');
const path = require('node:path');
const v8 = require('node:v8');
const { PerformanceObserver, constants, performance } = require('node:perf_hooks');
const { Worker, isMainThread, threadId } = require('node:worker_threads');
const binding = require('../binding');
const { stats } = require('../stats');
const { ASKED, DONE, FIELDS, MUST_END, STATE_BYTES } = require('./state');

const SNAPSHOT = 500; // milliseconds between two audits of a program that never returns to its event loop
// The longer a program has run, the longer it is from one to the next, so that its record can still be read.
const ACCOUNTS_SHARE = 1 / 1000;
const AUDIT_SHARE = 1 / 100;

class Recorder {
  #file;
  #state;
  #figures;
  #audit;
  #ended = false;
  #auditedAt = 0;
  #accountsAt = 0;
  #tickedAt = 0;

  constructor({ file, audit, interval, cap }) {
    this.#file = fs.openSync(file, 'a');
    this.#audit = audit;
    const buffer = new SharedArrayBuffer(STATE_BYTES);
    this.#state = new Int32Array(buffer, 0, 2);
    this.#figures = new Float64Array(buffer, 8);
    this.interval = interval;
    this.write({
      type: 'start',
      pid: process.pid,
      node: process.version,
      heapLimit: v8.getHeapStatistics().heap_size_limit,
    });
    this.publish();
    if (isMainThread) this.#startSampler({ file, interval, cap, buffer });
  }

  write(line) {
    fs.writeSync(this.#file, `${JSON.stringify({ at: Date.now(), thread: threadId, ...line })}\n`);
  }

  #startSampler(workerData) {
    const worker = new Worker(path.join(__dirname, 'sampler.js'), {
      workerData,
      execArgv: [],
      stdin: false,
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 },
    });
    worker.unref();
    // Without samples there is still the rest; the program is not ours to end.
    worker.on('error', (error) => this.write({ type: 'error', message: error.message }));
  }

  /** What the sampler cannot see from its own thread. */
  publish() {
    const usage = process.memoryUsage();
    const statistics = v8.getHeapStatistics();
    const all = { ...usage, ...statistics, ...binding.memory(), publishedAt: Date.now() };
    FIELDS.forEach((name, at) => (this.#figures[at] = all[name] ?? NaN));
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
    this.#auditedAt = performance.now();
    if (this.#audit) this.write({ type: 'audit', audit: require('../audit/audit').audit() });
  }

  /** What can be told at this moment. */
  tick() {
    this.#tickedAt = performance.now();
    this.publish();
    const age = this.#tickedAt;
    if (age - this.#accountsAt >= age * ACCOUNTS_SHARE) this.#writeAccounts();
    if (age - this.#auditedAt >= Math.max(SNAPSHOT, age * AUDIT_SHARE)) this.#writeAudit();
    if (Atomics.load(this.#state, MUST_END) === ASKED) this.end();
  }

  /** From the C calls of a program that may be in a loop. */
  beat = () => {
    const due = performance.now() - this.#tickedAt >= SNAPSHOT;
    if (due || Atomics.load(this.#state, MUST_END) === ASKED) this.tick();
  };

  gc({ startTime, duration, detail }) {
    if (detail.kind !== constants.NODE_PERFORMANCE_GC_MAJOR) return;
    this.write({ type: 'gc', at: Math.round(performance.timeOrigin + startTime), ms: duration });
  }

  /** The last words. */
  end(more = {}) {
    if (this.#ended) return;
    this.#ended = true;
    this.publish();
    this.#writeAccounts();
    this.#writeAudit();
    this.write({ type: 'end', ...more });
    Atomics.store(this.#state, MUST_END, DONE);
    Atomics.notify(this.#state, MUST_END);
  }
}

// A signal that nobody handles ends the program without an 'exit'.
function onSignal(recorder, signal) {
  const handler = () => {
    if (process.listenerCount(signal) > 1) return;
    recorder.end({ signal });
    process.removeListener(signal, handler);
    process.kill(process.pid, signal);
  };
  process.on(signal, handler);
}

function start(options) {
  const recorder = new Recorder(options);
  if (options.audit) require('../audit/observer').turnOn().onCall = recorder.beat;
  setInterval(() => recorder.tick(), options.interval).unref();
  process.on('exit', (code) => recorder.end({ code }));
  if (!isMainThread) return;
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => recorder.gc(entry))).observe({
    entryTypes: ['gc'],
  });
  for (const signal of ['SIGINT', 'SIGTERM']) onSignal(recorder, signal);
}

module.exports = { start };
