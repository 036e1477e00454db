'use strict';
// A worker that samples the memory of the process, also while the program is in a loop, and ends it at the cap.

const fs = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');
const binding = require('../../binding');
const { termsOf } = require('../../figures/rss-breakdown');
const { Interrupt } = require('./interrupt');
const { Silence } = require('./silence');
const { ASKED, BEGUN, ENDED, MUST_END, NEVER } = require('./state');
const { ThreadTable } = require('./thread-table');

// Turns of 10 ms that a program has for its last words. Not a time: where the machine stands still, so does the program.
const LAST_WORDS = 30;

const { interval, cap, isMain, mayAsk } = workerData;
const file = fs.openSync(workerData.file, 'a');
const state = new Int32Array(workerData.state);
const threadTable = new ThreadTable(workerData.threadTable);

const write = (line) =>
  fs.writeSync(file, `${JSON.stringify({ at: Date.now(), pid: process.pid, ...line })}\n`);
const sleep = (milliseconds) => Atomics.wait(state, NEVER, 0, milliseconds);

const interrupt = new Interrupt(threadTable, { mayAsk, late: 1.5 * interval, sleep });
const silence = new Silence();

function sample(interrupted = false) {
  // Added up before anything is made of it: of a Buffer that went from one thread to another each has one half.
  const of = threadTable.sum();
  const { everywhere, file: files, tables } = binding.memory();
  const rss = process.memoryUsage.rss();
  const terms = termsOf(
    { ...of, rss },
    of,
    { ...of, everywhere, file: files, tables },
    binding.allocatorBytes(),
  );
  const silent = silence.of(threadTable.threads().filter((thread) => !interrupt.isUnanswered(thread)));
  const { user, system } = process.cpuUsage();
  const cpu = (user + system) / 1e6;
  write({ type: 'sample', rss, ...terms, tables, heapUsed: of.heapUsed, cpu, silent, interrupted });
  return rss;
}

function step() {
  const rss = sample(interrupt.refresh());
  if (cap === undefined || rss <= cap) return;
  write({ type: 'cap', rss });
  Atomics.store(state, MUST_END, ASKED);
  for (let turn = 0; turn < LAST_WORDS; turn++) {
    if (Atomics.wait(state, MUST_END, ASKED, 10) !== 'timed-out') break;
  }
  sample();
  process.kill(process.pid, 'SIGKILL');
}

function tell(word) {
  Atomics.store(state, word, 1);
  Atomics.notify(state, word);
}

// Nobody waits for a sampler that fails.
process.on('exit', () => [BEGUN, ENDED].forEach(tell));
const atStart = sample();
if (isMain && cap !== undefined && atStart > cap) {
  write({ type: 'refused', rss: atStart });
  process.kill(process.pid, 'SIGKILL');
}
tell(BEGUN);
// Not a loop that sleeps: the inspector's answers would pile up.
const timer = setInterval(step, interval);
// The program exits: while its threads end one by one, nothing is true of them together.
parentPort.once('message', () => {
  clearInterval(timer);
  interrupt.close();
  sample();
  tell(ENDED);
});
