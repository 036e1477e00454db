'use strict';
// A worker that samples the memory of the process, also while the program is in a loop, and ends it at the cap.

const fs = require('node:fs');
const { workerData } = require('node:worker_threads');
const binding = require('../binding');
const { termsOf } = require('../terms');
const { Interrupt } = require('./interrupt');
const { Seats } = require('./seats');
const { Silence } = require('./silence');
const { ASKED, MUST_END, NEVER, SAMPLED } = require('./state');

const LAST_WORDS = 300; // milliseconds

const { interval, cap } = workerData;
const file = fs.openSync(workerData.file, 'a');
const state = new Int32Array(workerData.state);
const seats = new Seats(workerData.seats);

const write = (line) => fs.writeSync(file, `${JSON.stringify({ at: Date.now(), ...line })}\n`);
const sleep = (milliseconds) => Atomics.wait(state, NEVER, 0, milliseconds);

const interrupt = new Interrupt(seats, 1.5 * interval, sleep);
const silence = new Silence();

function sample() {
  const interrupted = interrupt.refresh();
  // Added up before anything is made of it: of a Buffer that went from one thread to another each has one half.
  const of = seats.sum();
  const { everywhere, file: files } = binding.memory();
  const rss = process.memoryUsage.rss();
  const terms = termsOf({ ...of, rss }, of, { ...of, everywhere, file: files }, binding.allocatorBytes());
  const silent = silence.of(seats.threads().filter((thread) => !interrupt.isUnanswered(thread)));
  write({ type: 'sample', rss, ...terms, heapUsed: of.heapUsed, silent, interrupted });
  return rss;
}

function step() {
  const rss = sample();
  if (cap === undefined || rss <= cap) return;
  write({ type: 'cap', rss });
  Atomics.store(state, MUST_END, ASKED);
  Atomics.wait(state, MUST_END, ASKED, LAST_WORDS);
  sample();
  process.kill(process.pid, 'SIGKILL');
}

step();
Atomics.store(state, SAMPLED, 1);
Atomics.notify(state, SAMPLED);
// Not a loop that sleeps: the inspector's answers would pile up.
setInterval(step, interval);
