'use strict';
// What a recorded run says about the memory of the program.

const { formatBytes } = require('../../support/bytes');
const { trendOf } = require('./trend');

// While modules are loaded and functions compiled, everything grows.
const WARM_UP = 0.1; // of the time
// Exit codes; help.js tells them.
const FINE = 0;
const TRAP = 1;
const FAILED = 3;

// Samples for a judgement.
const FEWEST = 3;

/**
 * The terms of the resident memory, and the bytes from which their growth is one: what waits for a collection grows
 * until there is one, and a fragmented heap is no leak.
 */
const WORTH = {
  heap: 8e6,
  buffers: 96e6,
  tracked: 128e6,
  untracked: 8e6,
  fragmentation: Infinity,
  rest: 16e6,
};
// Without these, a heap that grows is one that V8 has had no reason to collect.
const COLLECTIONS = 2;
// By so much none grows without them; of a thread in a loop they are not known.
const UNCOLLECTED = 64e6;
const IN_LOOP = 0.25; // of the samples, for which the main thread had to be interrupted
const AT_CAP = 8e6;

const KINDS = {
  heap: 'javascript',
  buffers: 'buffers',
  tracked: 'tracked',
  untracked: 'native',
  rest: 'native',
  fragmentation: 'fragmentation',
};

// The heap takes memory in large steps, and in between it would seem to have stopped growing.
const valueOf = (sample, term) => (term === 'heap' ? (sample.heapUsed ?? sample.heap) : sample[term]);

function seriesOf(samples, term) {
  return samples
    .map((sample) => ({ seconds: sample.seconds, value: valueOf(sample, term) }))
    .filter(({ value }) => value !== undefined);
}

// What was asked for is untracked at once, and missing in the rest until it is touched: that the rest makes up for it is
// no growth.
const unheldOf = ({ untracked = 0, fragmentation = 0, rest }) => untracked + fragmentation + rest;

/** The growth of each term, those that are known. */
function growths(run) {
  const warm = run.samples.filter(({ seconds }) => seconds >= run.seconds * WARM_UP);
  const samples = warm.length >= FEWEST ? warm : run.samples;
  const found = {};
  for (const term of Object.keys(WORTH)) {
    const growth = trendOf(seriesOf(samples, term), WORTH[term]);
    if (growth !== null) found[term] = growth;
  }
  if (found.rest?.isSteady) {
    const unheld = samples.map((sample) => ({ seconds: sample.seconds, value: unheldOf(sample) }));
    found.rest.isSteady = trendOf(unheld, WORTH.rest).isSteady;
  }
  return found;
}

/** Whether V8 could not help it that the heap grew. */
function isKept(run, { bytes }) {
  if (run.collections.length >= COLLECTIONS) return true;
  const interrupted = run.samples.filter((sample) => sample.interrupted).length;
  return bytes >= UNCOLLECTED && interrupted >= run.samples.length * IN_LOOP;
}

/** The term that has grown most, of those that did so steadily; killed at the cap, of all. */
function worst(run, found) {
  const candidates = Object.entries(found)
    .filter(([, growth]) => (run.cap === undefined ? growth.isSteady : growth.bytes >= AT_CAP))
    .filter(([term, growth]) => term !== 'heap' || isKept(run, growth))
    .sort(([, a], [, b]) => b.bytes - a.bytes);
  return candidates[0];
}

/**
 * The seconds until the end of the run in which a thread was at work and told nothing, if `term` may have grown for
 * that reason: what the thread makes in JavaScript looks like native memory until it tells of it.
 */
function unclearSeconds(run, term, { bytes }) {
  const last = run.samples.at(-1);
  const silent = (last.silent ?? 0) / 1000;
  if (silent === 0 || (run.audit?.findings ?? []).reduce((sum, each) => sum + each.bytes, 0) >= bytes / 2)
    return 0;
  const told = run.samples.findLast(({ seconds }) => seconds <= last.seconds - silent) ?? run.samples[0];
  return last[term] - told[term] >= bytes / 2 ? silent : 0;
}

const rate = ({ perSecond }) => `${formatBytes(perSecond)}/s`;
const when = ({ begin }) => `first at ${begin.toFixed(1)} s`;

function accountsText(run) {
  const largest = [...(run.accounts.at(-1)?.accounts ?? [])].sort((a, b) => b.bytes - a.bytes).slice(0, 3);
  if (largest.length === 0) return '';
  const list = largest.map(
    ({ label, bytes, pointers }) =>
      `${label} (${formatBytes(bytes)} in ${pointers} pointer${pointers === 1 ? '' : 's'})`,
  );
  return ` Largest accounts: ${list.join(', ')}.`;
}

function functionsText({ audit }) {
  if (audit === undefined) return ' Run it with --audit to see which C function it is.';
  const names = audit.findings
    .slice(0, 3)
    .map(({ function: name, bytes }) => `${name}() (${formatBytes(bytes)})`);
  if (names.length > 0) return ` By the audit: ${names.join(', ')}.`;
  return ' The audit saw no C function that keeps it: it may come from another addon, or not from malloc.';
}

const TEXTS = {
  native: (growth, run) =>
    `Trap: native memory that nothing tracks grows at ${rate(growth)}, ${when(growth)}, while the JavaScript heap ` +
    `stays at ${heapText(run)}.${functionsText(run)}`,
  unclear: (growth, run) =>
    `Trap: memory that nothing tracks grows at ${rate(growth)}, ${when(growth)}. For the last ` +
    `${growth.unclear.toFixed(1)} s a thread was in a loop and told nothing of its Buffers and its heap: what it made ` +
    `there cannot be told apart from native memory.${functionsText(run)}`,
  javascript: (growth) =>
    `JavaScript leak: the heap grows at ${rate(growth)}, ${when(growth)}. This is no native memory: a heap snapshot ` +
    `shows what holds it (node --heapsnapshot-near-heap-limit=1).`,
  buffers: (growth) =>
    `Buffers grow at ${rate(growth)}, ${when(growth)}. V8 knows of this memory: something in JavaScript holds it, and a ` +
    `heap snapshot shows what.`,
  tracked: (growth, run) =>
    `Tracked memory grows at ${rate(growth)}, ${when(growth)}: its pointers are still referenced, or the program does ` +
    `not come to free them.${accountsText(run)}`,
  fragmentation: (growth) =>
    `Memory that the C allocator holds free grows at ${rate(growth)}, ${when(growth)}: it is fragmented. trim() gives ` +
    `back what it can, MALLOC_ARENA_MAX=2 or jemalloc often help.`,
};

function heapText(run) {
  const last = run.samples.at(-1);
  return formatBytes(last?.heap ?? 0);
}

/** V8 ends the process by itself when its heap is full. */
function heapIsFull({ exit }) {
  return exit?.heapFull === true;
}

function failure({ exit, started }) {
  if (exit === undefined || exit.stopped || exit.code === 0) return undefined;
  if (!started) return 'The program did not start.';
  return exit.signal
    ? `The program was ended by ${exit.signal}.`
    : `The program failed with exit code ${exit.code}.`;
}

function kindOf(run, found) {
  if (heapIsFull(run)) return ['javascript', found.heap ?? { perSecond: 0, begin: 0, bytes: 0 }];
  const [term, growth] = worst(run, found) ?? [];
  if (term !== undefined) {
    const unclear = KINDS[term] === 'native' ? unclearSeconds(run, term, growth) : 0;
    return unclear > 0 ? ['unclear', { ...growth, unclear }] : [KINDS[term], growth];
  }
  return [run.audit?.findings.length > 0 ? 'audit' : 'none', undefined];
}

/** How it ended, if not as it should have. */
function endOf(run, failed) {
  if (run.cap !== undefined) {
    return [`Stopped at ${formatBytes(run.cap.rss)} resident, after ${run.cap.seconds.toFixed(1)} s.`];
  }
  if (heapIsFull(run)) return ['V8 ended the program because its heap was full.'];
  return failed === undefined ? [] : [failed];
}

function findingOf(run, kind, growth) {
  if (!run.started) return [];
  if (kind === 'audit')
    return [`No part of the memory grew steadily, but the audit found a leak.${functionsText(run)}`];
  if (kind !== 'none') return [TEXTS[kind](growth, run)];
  if (run.cap !== undefined) return ['No single part of the memory stands out.'];
  if (run.samples.length < FEWEST) return ['It ended too soon for a judgement.'];
  return ['No trap: no part of the memory grew without end.'];
}

/** { kind, trap, text, growths, exitCode } of a run. */
function judge(run) {
  const found = growths(run);
  const [kind, growth] = kindOf(run, found);
  const failed = run.cap === undefined ? failure(run) : undefined;
  const trap = kind !== 'none' || run.cap !== undefined;
  return {
    kind,
    trap,
    text: [...endOf(run, failed), ...findingOf(run, kind, growth)].join(' '),
    growths: found,
    exitCode: trap ? TRAP : failed === undefined ? FINE : FAILED,
  };
}

module.exports = { judge };
