'use strict';

const { setImmediate } = require('node:timers/promises');
const { collect } = require('../reclaim/collect');
const { formatBytes } = require('../support/bytes');
const { ArgumentTypeError, LeakError } = require('../support/errors');
const { stats } = require('./stats');

// What one turn of the event loop lets go of may be found by the next collection only.
const ROUNDS = 5;
const NOTHING = Object.freeze({ accounts: [], traces: [], manual: 0 });

const more = (now, then, name) => Math.max(now[name] - (then?.[name] ?? 0), 0);

function moreTraces(label, now, then) {
  return now.traces
    .filter((trace) => trace.label === label)
    .map((trace) => {
      const old = then.traces.find(({ label: other, stack }) => other === label && stack === trace.stack);
      const grown = ['bytes', 'pointers', 'collected', 'samples'].map((name) => [
        name,
        more(trace, old, name),
      ]);
      return { ...trace, ...Object.fromEntries(grown) };
    })
    .filter(({ pointers }) => pointers > 0);
}

/** What is alive in `now` and was not in `then`, by account. */
function leaksBetween(then, now) {
  const leaks = now.accounts
    .map((account) => {
      const { label } = account;
      const old = then.accounts.find((other) => other.label === label);
      return {
        label,
        pointers: more(account, old, 'pointers'),
        bytes: more(account, old, 'bytes'),
        traces: [],
      };
    })
    .filter(({ pointers }) => pointers > 0);
  for (const leak of leaks) leak.traces = moreTraces(leak.label, now, then);
  const manual = more(now, then, 'manual');
  if (manual > 0) leaks.push({ label: 'reportExternal()', pointers: 0, bytes: manual, traces: [] });
  return leaks;
}

function messageOf(leaks) {
  const lines = leaks.flatMap(({ label, pointers, bytes, traces }) => [
    `  ${label}: ${pointers} pointer${pointers === 1 ? '' : 's'}, ${formatBytes(bytes)}`,
    ...traces.map((trace) => `    ${trace.pointers} of them made\n${trace.stack.replace(/^/gm, '    ')}`),
  ]);
  const traced = leaks.some(({ traces }) => traces.length > 0);
  const hint = traced ? '' : '\nWith FFI_TALLY_TRACE=1 this says where they were made';
  return `More is alive after garbage collections than before:\n${lines.join('\n')}${hint}`;
}

/** stats() without what is dead, also where only turns of the event loop find that. */
async function whatIsAlive() {
  for (let round = 1; round < ROUNDS; round++) {
    collect();
    await setImmediate();
  }
  collect();
  return stats();
}

/** Rejects if more is alive than `since`, by more than `most` bytes. */
async function assertFewLeaks(since, most) {
  for (let round = 1; ; round++) {
    collect();
    const leaks = leaksBetween(since, stats());
    const bytes = leaks.reduce((sum, leak) => sum + leak.bytes, 0);
    if (leaks.length === 0 || (most > 0 && bytes <= most)) return;
    if (round === ROUNDS) throw new LeakError(messageOf(leaks), leaks);
    await setImmediate();
  }
}

/** Rejects if more is alive than `since`. */
async function assertNoLeaks(since = NOTHING) {
  if (!Array.isArray(since?.accounts) || !Array.isArray(since.traces)) {
    throw new ArgumentTypeError(since, 'since', 'what stats() returned');
  }
  return assertFewLeaks(since, 0);
}

// lib/tools/jest.js looks through this at the copies of this library that a test file has loaded.
globalThis[Symbol.for('ffi-tally.copies')]?.push({ assertNoLeaks, stats });

module.exports = { assertFewLeaks, assertNoLeaks, whatIsAlive };
