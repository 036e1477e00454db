'use strict';
// A recorded run, out of the lines that the program and its sampler wrote.

const fs = require('node:fs');

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

/** What each thread has found, as one. */
function merge(audits) {
  if (audits.length === 0) return undefined;
  const sum = (key) => audits.reduce((total, audit) => total + audit[key], 0);
  return {
    ...audits[0],
    calls: sum('calls'),
    functions: audits.flatMap(({ functions }) => functions).sort((a, b) => b.outstanding - a.outstanding),
    findings: audits.flatMap(({ findings }) => findings).sort((a, b) => b.bytes - a.bytes),
  };
}

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

/**
 * { command, samples, collections, accounts, audit, cap, exit, seconds } of lines; times in seconds since the start of
 * the program.
 */
function readRun(lines) {
  const of = (type) => lines.filter((line) => line.type === type);
  const [first = { at: 0 }] = of('start');
  const [command = {}] = of('command');
  const timed = (type) => of(type).map(since(first.at));
  const samples = timed('sample');
  const audits = new Map(of('audit').map((line) => [line.thread, line.audit]));
  const [exit] = timed('exit');
  return {
    command: command.command,
    limits: { heap: first.heapLimit, rss: command.rss },
    node: first.node,
    started: of('start').length > 0,
    samples,
    collections: timed('gc'),
    accounts: accountsOf(lines).map(since(first.at)),
    audit: merge([...audits.values()]),
    cap: timed('cap')[0],
    errors: of('error').map(({ message }) => message),
    exit,
    seconds: exit?.seconds ?? samples.at(-1)?.seconds ?? 0,
  };
}

const readRecord = (file) => readRun(readLines(fs.readFileSync(file, 'utf8')));

module.exports = { readLines, readRecord, readRun };
