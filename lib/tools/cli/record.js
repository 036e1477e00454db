'use strict';
// A recorded run, out of the lines that the program and its sampler wrote.

const fs = require('node:fs');
const { mergeAudits } = require('../audit/merge');

/** The lines of a record. A program that was killed may have been in the middle of one. */
function readLines(text) {
  const lines = [];
  for (const line of text.split('\n')) {
    try {
      if (line !== '') lines.push(JSON.parse(line));
    } catch {
      // Cut off.
    }
  }
  return lines;
}

const since = (start) => (line) => ({ ...line, seconds: Math.max(0, (line.at - start) / 1000) });

/** What all accounts of one name have, in the threads that told of them last. */
function sumOf(lists) {
  const sums = new Map();
  for (const { label, bytes, pointers } of lists.flat()) {
    const sum = sums.get(label) ?? { label, bytes: 0, pointers: 0 };
    sum.bytes += bytes;
    sum.pointers += pointers;
    sums.set(label, sum);
  }
  return [...sums.values()];
}

/** The accounts of the program whenever one of its threads has told of its own. A worker that has ended has none. */
function accountsOf(lines) {
  const latest = new Map();
  const found = [];
  for (const { type, at, thread, accounts } of lines) {
    if (type === 'accounts') latest.set(thread, accounts);
    else if (type !== 'end' || thread === 0 || !latest.delete(thread)) continue;
    found.push({ at, accounts: sumOf([...latest.values()]) });
  }
  return found;
}

/** How a process that another one has started has ended: what its parent saw, or else what it said itself. */
function exitOf(pid, lines, own) {
  const seen = lines.find(({ type, child }) => type === 'child exit' && child === pid);
  const said = own.find(({ type, thread }) => type === 'end' && thread === 0);
  if (seen === undefined && said === undefined) return undefined;
  return { at: (seen ?? said).at, code: (seen ?? said).code ?? null, signal: (seen ?? said).signal ?? null };
}

const REMEDY = "(require 'ffi-tally/audit' in its place)";

/** Node's processes and workers that the program has started and that have recorded nothing, and Koffis that no audit sees. */
function unwatchedOf(lines) {
  const started = new Set();
  for (const { type, pid, thread } of lines) if (type === 'start') started.add(pid).add(`${pid} ${thread}`);
  const audited = new Set();
  for (const { type, pid, audit } of lines) {
    if (type === 'audit' && audit.functions.length > 0) audited.add(pid);
  }
  return [
    ...lines
      .filter(({ type, child }) => type === 'child' && !started.has(child))
      .map(({ child }) => `process ${child}`),
    ...lines
      .filter(({ type, pid, worker }) => type === 'worker' && !started.has(`${pid} ${worker}`))
      .map(({ worker }) => `worker ${worker}`),
    ...new Set(
      lines
        .filter(({ type, pid }) => type === 'unreplaced' && !audited.has(pid))
        .map(
          ({ pid }) =>
            `the Koffi of process ${pid}, which something like Jest has loaded in its own way ${REMEDY}`,
        ),
    ),
  ];
}

/** One process out of its lines; times in seconds since `begin`. */
function readProcess(lines, begin, exit) {
  const of = (type) => lines.filter((line) => line.type === type);
  const timed = (type) => of(type).map(since(begin));
  const [first = {}] = of('start');
  const samples = timed('sample');
  const start = samples[0]?.seconds ?? 0;
  const ended = exit === undefined ? undefined : since(begin)(exit);
  return {
    pid: first.pid,
    command: first.command,
    node: first.node,
    started: of('start').length > 0,
    samples,
    collections: timed('gc'),
    accounts: accountsOf(lines).map(since(begin)),
    audit: of('audit').at(-1)?.audit, // each is of all threads
    cap: timed('cap')[0],
    refused: of('refused')[0],
    crash: of('crash')[0],
    errors: of('error').map(({ message }) => message),
    exit: ended,
    seconds: Math.max(0, (ended?.seconds ?? samples.at(-1)?.seconds ?? 0) - start),
    heapLimit: first.heapLimit,
  };
}

/**
 * What lines say of a program: one process, and those that it has started in `children`; the audit is that of all. Times
 * are in seconds since the start of the program.
 */
function readRun(lines) {
  const find = (wanted) => lines.find(({ type }) => type === wanted);
  const command = find('command') ?? {};
  const begin = (find('start') ?? find('command') ?? { at: 0 }).at;
  const main = (find('main') ?? find('start'))?.[find('main') ? 'main' : 'pid'];
  const processes = new Map([[main, []]]);
  for (const line of lines) {
    const pid = line.pid ?? main;
    if (!processes.has(pid)) processes.set(pid, []);
    processes.get(pid).push(line);
  }
  const run = readProcess(processes.get(main), begin, find('exit'));
  processes.delete(main);
  const children = [...processes]
    .map(([pid, own]) => readProcess(own, begin, exitOf(pid, lines, own)))
    .filter(({ started }) => started);
  return {
    ...run,
    command: command.command,
    startedAt: begin === 0 ? undefined : new Date(begin).toISOString(),
    limits: { heap: run.heapLimit, rss: command.rss },
    audit: mergeAudits([run, ...children].map(({ audit }) => audit).filter((audit) => audit !== undefined)),
    children,
    unwatched: unwatchedOf(lines),
  };
}

const readRecord = (file) => readRun(readLines(fs.readFileSync(file, 'utf8')));

module.exports = { readLines, readRecord, readRun };
