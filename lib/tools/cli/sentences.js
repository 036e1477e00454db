'use strict';
// The verdict in words.

const { formatBytes, formatRoundBytes } = require('../../support/bytes');

// Of the time, in which a program at work uses the processor; the samples take some of it themselves.
const BUSY = 0.02;
const CRASHES = ['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGABRT'];
// Of the growth of the heap, that is worth mentioning where nobody knows what is kept.
const MENTIONED = 8e6;

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
  audit: (growth, run) =>
    `No part of the memory grew steadily, but the audit found a leak.${functionsText(run)}`,
  native: (growth, run) =>
    `Native leak: memory that nothing tracks grows at ${rate(growth)}, ${when(growth)}, while the JavaScript heap ` +
    `stays at ${heapText(run)}.${functionsText(run)}`,
  unclear: (growth, run) =>
    `Leak: memory that nothing tracks grows at ${rate(growth)}, ${when(growth)}. For the last ` +
    `${growth.unclear.toFixed(1)} s a thread was in a loop and told nothing of its Buffers and its heap: what it made ` +
    `there cannot be told apart from native memory.${functionsText(run)}`,
  javascript: (growth) =>
    `JavaScript leak: the heap grows at ${rate(growth)}, ${when(growth)}. This is no native memory: a heap snapshot ` +
    `shows what holds it (node --heapsnapshot-near-heap-limit=1).`,
  heap: (growth, { limits }) =>
    `Either JavaScript keeps more and more, or the program needs more than ${heapLimitText(limits)}: a larger --heap shows ` +
    `which.`,
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

const heapLimitText = (limits) =>
  limits?.heap === undefined ? 'that' : `the ${formatRoundBytes(limits.heap)} that it may have`;

function heapText(run) {
  const last = run.samples.at(-1);
  return formatBytes(last?.heap ?? 0);
}

/** How it failed, if it did. */
function failure({ exit, started, crash, audit }) {
  if (exit === undefined || exit.stopped || exit.code === 0) return undefined;
  if (!started) return 'The program did not start.';
  if (!exit.signal) return `The program failed with exit code ${exit.code}.`;
  return `The program was ended by ${exit.signal}${crashText(exit, crash, audit)}.`;
}

/** In which call of C it has crashed. */
function crashText({ signal }, crash, audit) {
  if (!CRASHES.includes(signal)) return '';
  if (crash !== undefined) {
    const { name, library } = crash.function;
    return `, in a call of ${name}()${library === null ? '' : ` of ${library}`}`;
  }
  return audit === undefined ? ': --audit tells in which call of C' : ', in no call of C through Koffi';
}

const STOPPED = { SIGINT: 'Ctrl-C', '--timeout': '--timeout', SIGTERM: 'SIGTERM' };

/** How it ended, if not by itself and well. */
function endOf({ cap, exit, seconds }, failed) {
  if (cap !== undefined) {
    return [`Stopped by --rss at ${formatBytes(cap.rss)} resident, after ${cap.seconds.toFixed(1)} s.`];
  }
  if (exit?.heapFull === true) return ['V8 ended the program because its heap was full.'];
  if (failed !== undefined) return [failed];
  if (exit?.stopped)
    return [`Stopped by ${STOPPED[exit.stopped] ?? exit.stopped} after ${seconds.toFixed(1)} s.`];
  return [];
}

/** That it did next to nothing. */
function idleText({ samples }) {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first.cpu === undefined) return [];
  const busy = (last.cpu - first.cpu) / (last.seconds - first.seconds);
  if (busy >= BUSY) return [];
  return ['The program was idle nearly all the time: what leaks only at work has had no chance to show.'];
}

/** That nothing grew, as far as can be known. */
function nothingFound({ heap }) {
  if (heap === undefined || heap.bytes < MENTIONED)
    return 'No leak found: no part of the memory grew without end.';
  return (
    `No leak found. The JavaScript heap grew by ${formatBytes(heap.bytes)}, and collections were too few, or took ` +
    'too much of it again, to call that a leak.'
  );
}

module.exports = { TEXTS, endOf, failure, idleText, nothingFound };
