'use strict';
// Two records of one program, before a change and after it.

const { TERMS } = require('../../figures/rss-breakdown');
const { formatBytes } = require('../../support/bytes');
const { formatTable } = require('../../support/table');

const ROWS = 15;
const LEAST = 64 * 1024; // what is worth a row

const difference = ({ before, after }) => after - before;
const signed = (bytes) => (bytes > 0 ? `+${formatBytes(bytes)}` : formatBytes(bytes));

const most = (samples, term) => samples.reduce((high, sample) => Math.max(high, sample[term] ?? 0), 0);

/** [{ name, before, after }] of the most that each part of the memory had. */
function memoryOf(before, after) {
  const names = { ...TERMS, rss: 'resident' };
  return Object.entries(names).map(([term, name]) => ({
    name,
    before: most(before.samples, term),
    after: most(after.samples, term),
  }));
}

/** The same of what `list` gives of each run, as { name, bytes }, where it differs. */
function matched(before, after, list) {
  const rows = new Map();
  for (const [side, { run }] of Object.entries({ before, after })) {
    for (const { name, bytes } of list(run)) {
      const row = rows.get(name) ?? { name, before: 0, after: 0 };
      row[side] += bytes;
      rows.set(name, row);
    }
  }
  return [...rows.values()]
    .filter((row) => Math.abs(difference(row)) >= LEAST)
    .sort((a, b) => Math.abs(difference(b)) - Math.abs(difference(a)));
}

/** What leaks after, and did not before: kinds of memory, and functions. */
function newIn(before, after) {
  const was = new Set((before.run.audit?.findings ?? []).map((finding) => finding.function));
  const functions = (after.run.audit?.findings ?? [])
    .filter((finding) => !was.has(finding.function))
    .map((finding) => `${finding.function}()`);
  const { kind, trap } = after.verdict;
  const isNew = trap && (!before.verdict.trap || before.verdict.kind !== kind) && kind !== 'audit';
  return [...(isNew ? [kind] : []), ...functions];
}

const accountsOf = ({ accounts }) =>
  (accounts.at(-1)?.accounts ?? []).map(({ label, bytes }) => ({ name: label, bytes }));

const functionsOf = ({ audit }) =>
  (audit?.functions ?? []).map(({ name, outstanding }) => ({ name: `${name}()`, bytes: outstanding }));

/** { memory, accounts, functions, found, exitCode } of two, each { run, verdict }. */
function compare(before, after) {
  const found = newIn(before, after);
  return {
    memory: memoryOf(before.run, after.run),
    accounts: matched(before, after, accountsOf),
    functions: matched(before, after, functionsOf),
    found,
    exitCode: found.length > 0 ? 1 : 0,
  };
}

function table(title, rows) {
  if (rows.length === 0) return undefined;
  const cells = ({ name, before, after }) => [
    name,
    formatBytes(before),
    formatBytes(after),
    signed(after - before),
  ];
  return formatTable([title, 'before', 'after', 'change'], rows.slice(0, ROWS).map(cells));
}

/** As text; what was said of each, and what is new, comes last. */
function formatComparison({ memory, accounts, functions, found }, before, after) {
  const parts = [
    table('memory, at most', memory),
    table('account, at last', accounts),
    table('function, not given back', functions),
    `Before: ${before.verdict.text}`,
    `After: ${after.verdict.text}`,
    found.length > 0
      ? `Leaks now, and did not before: ${found.join(', ')}.`
      : 'Nothing leaks that did not before.',
  ];
  return `\n${parts.filter((part) => part !== undefined).join('\n\n')}\n`;
}

module.exports = { compare, formatComparison };
