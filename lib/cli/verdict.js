'use strict';
// What a recorded run says about the memory of the program.

const { formatBytes } = require('../bytes');
const { WORTH, growthOf } = require('./growth');

// While modules are loaded and functions compiled, everything grows.
const WARM_UP = 0.1; // of the time
const TERMS = ['heap', 'buffers', 'tracked', 'untracked', 'fragmentation', 'rest'];

const KINDS = {
  heap: 'javascript',
  buffers: 'buffers',
  tracked: 'tracked',
  untracked: 'native',
  rest: 'native',
  fragmentation: 'fragmentation',
};

function seriesOf(samples, term) {
  return samples
    .filter((sample) => sample[term] !== undefined)
    .map((sample) => ({ seconds: sample.seconds, value: sample[term] }));
}

/** The growth of each term, those that are known. */
function growths(run) {
  const warm = run.samples.filter(({ seconds }) => seconds >= run.seconds * WARM_UP);
  const samples = warm.length >= 3 ? warm : run.samples;
  const found = {};
  for (const term of TERMS) {
    const growth = growthOf(seriesOf(samples, term));
    if (growth !== null) found[term] = growth;
  }
  return found;
}

/** The term that has grown most, of those that did so steadily; killed at the cap, of all. */
function worst(run, found) {
  const candidates = Object.entries(found)
    .filter(([, growth]) => (run.cap === undefined ? growth.isSteady : growth.bytes >= WORTH))
    .sort(([, a], [, b]) => b.bytes - a.bytes);
  return candidates[0];
}

const rate = ({ perSecond }) => `${formatBytes(perSecond)}/s`;
const when = ({ begin }) => `first at ${begin.toFixed(1)} s`;

function accountsText(run) {
  const largest = [...(run.accounts.at(-1)?.accounts ?? [])].sort((a, b) => b.bytes - a.bytes).slice(0, 3);
  if (largest.length === 0) return '';
  const list = largest.map(
    ({ label, bytes, pointers }) => `${label} (${formatBytes(bytes)} in ${pointers} pointers)`,
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
  const term = worst(run, found);
  if (term !== undefined) return [KINDS[term[0]], term[1]];
  return ['none', undefined];
}

/** { kind, trap, text, growths, exitCode } of a run. */
function judge(run) {
  const found = growths(run);
  const [kind, growth] = kindOf(run, found);
  const leaks = (run.audit?.findings ?? []).length > 0;
  const failed = run.cap === undefined ? failure(run) : undefined;
  const parts = [];
  if (run.cap !== undefined)
    parts.push(`Stopped at ${formatBytes(run.cap.rss)} resident, after ${run.cap.seconds.toFixed(1)} s.`);
  if (heapIsFull(run)) parts.push('V8 ended the program because its heap was full.');
  else if (failed !== undefined) parts.push(failed);
  if (kind !== 'none') parts.push(TEXTS[kind](growth, run));
  else if (leaks)
    parts.push(
      `No term of the memory grew steadily in that time, but the audit found something.${functionsText(run)}`,
    );
  else if (run.cap !== undefined) parts.push('No single part of the memory stands out.');
  else if (run.samples.length < 3) parts.push('The program ended too soon for a judgement.');
  else parts.push('No trap: no part of the memory grew without end.');
  const trap = kind !== 'none' || run.cap !== undefined || leaks;
  return {
    kind: kind === 'none' && leaks ? 'audit' : kind,
    trap,
    text: parts.join(' '),
    growths: found,
    exitCode: trap ? 1 : failed ? 3 : 0,
  };
}

module.exports = { TERMS, judge };
