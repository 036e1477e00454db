'use strict';
// What the audit has found: the figures of each function, and findings where memory is being lost.

const { performance } = require('node:perf_hooks');
const binding = require('../../binding');
const { stats } = require('../../figures/stats');
const { formatBytes } = require('../../support/bytes');
const { propose } = require('./proposal');

// Less than this, in all calls of a function together but for what may be stray, is not worth a finding.
const WORTH = 64 * 1024;
const FEWEST_CALLS = 4;
const GROWING = 1.25;

function uncertainties(book) {
  const reasons = [];
  if (book.measured < book.calls - book.asynchronous) {
    reasons.push(
      `${book.measured} of ${book.calls} calls measured, because a reading is slow in so fragmented a heap`,
    );
  }
  if (book.asynchronous > 0)
    reasons.push(`${book.asynchronous} asynchronous calls, of which only pointers are known`);
  if (book.calledBack > 0 || book.takesCallback)
    reasons.push('calls back into JavaScript, which may allocate too');
  if (book.forgotten > 0) reasons.push('more pointers than the audit remembers');
  return reasons;
}

/** Whether what `book` holds still grew in the second half of its calls, as opposed to a cache that is full. */
function isGrowing(book) {
  // Other threads allocate now and then, and not in every call.
  if (book.keeping < FEWEST_CALLS) return false;
  const half = book.marks.filter(({ measured }) => measured <= book.measured / 2).at(-1);
  return book.outstanding >= GROWING * Math.max(half.bytes, 0) && book.outstanding - half.bytes >= WORTH / 4;
}

/** Bytes that functions gave back without a known pointer, in portions like those that `book` has kept. */
function explained(book, books) {
  if (book.loose <= 0) return 0;
  const portion = book.kept / book.measured;
  const given = books.functions.reduce((sum, other) => {
    const each = other.looseGave / Math.max(other.measured, 1);
    if (each < portion / 2 || each > portion * 2) return sum;
    return sum + other.looseGave - (other === book ? book.gaveBack : 0);
  }, 0);
  return Math.min(given, Math.max(book.loose - book.gaveBack, 0)); // what its pointers have is not among that
}

function trackedBy(book, accounts) {
  if (book.label === undefined) return undefined;
  const account = accounts.find(({ label }) => label === book.label);
  const each = account === undefined || account.tracked === 0 ? 0 : account.chargedBytes / account.tracked;
  return { label: book.label, bytes: account?.bytes ?? 0, pointers: account?.pointers ?? 0, each };
}

/** How many calls each measured one stands for. */
function factorOf(book) {
  if (book.measured === 0) return 0;
  return Math.max(book.calls - book.asynchronous, book.measured) / book.measured;
}

function figuresOf(book, accounts) {
  const factor = factorOf(book);
  const tracked = trackedBy(book, accounts);
  const kept = Math.round((book.kept - book.gave) * factor);
  return {
    name: book.name,
    library: book.library,
    signature: book.signature,
    calls: book.calls,
    kept,
    perCall: book.calls === 0 ? 0 : kept / book.calls,
    outstanding: Math.round(book.outstanding * factor),
    pointers: tracked?.pointers ?? book.pointers,
    tracked,
    adopted: book.adopted === 0 ? undefined : { label: book.adoptedAs, pointers: book.adopted },
    freedBy: book.freers().map(([{ name }, { pointers, bytes }]) => ({ name, pointers, bytes })),
    uncertain: uncertainties(book),
  };
}

function leak(book, figures, lost) {
  const perPointer = book.kept / book.measured;
  const { text, code } = propose(book, perPointer);
  const what = book.gives === 'string' ? ' returns a string and' : '';
  const each = formatBytes(Math.round(book.kept / book.measured));
  return {
    kind: 'leak',
    function: figures.name,
    library: figures.library,
    bytes: lost,
    text:
      `${figures.name}()${what} keeps ${each} per call, and nothing tracks it: ${formatBytes(lost)} of ` +
      `${book.calls} calls were not given back. ${text}.`,
    code,
  };
}

// Owned, but charged for much less than it keeps: V8 stays blind.
function undercharged(book, figures) {
  const { label, each } = figures.tracked;
  const real = book.measured === 0 ? 0 : book.kept / book.measured;
  if (real - each < WORTH || real < 2 * each) return null;
  return {
    kind: 'size',
    function: figures.name,
    library: figures.library,
    bytes: Math.round((real - each) * book.calls),
    text:
      `${figures.name}() keeps ${formatBytes(real)} for each '${label}', which is charged with ${formatBytes(each)}. ` +
      `Correct its size.`,
    code: `size: ${Math.round(real)}`,
  };
}

/** The finding about a function, or null. `grown` is by how much more the whole process has in use. */
function findingOf(book, figures, books, grown) {
  if (figures.tracked !== undefined) return undercharged(book, figures);
  const lost = figures.outstanding - explained(book, books);
  // What was freed where the audit does not see it is not lost.
  if (lost > 1.5 * grown + WORTH || !isGrowing(book)) return null;
  if (lost - books.stray(book) * factorOf(book) < WORTH) return null;
  return leak(book, figures, lost);
}

/** The figures of `probe` as plain data. */
function resultOf(probe) {
  const { books } = probe;
  const { accounts } = stats();
  const grown = probe.works ? binding.inUse() - probe.start : undefined;
  const findings = [];
  const functions = [];
  for (const book of books.functions) {
    if (book.calls === 0) continue;
    const figures = figuresOf(book, accounts);
    functions.push(figures);
    const finding = probe.works ? findingOf(book, figures, books, grown) : null;
    if (finding !== null) findings.push(finding);
  }
  const most = (a, b) => b.outstanding - a.outstanding || b.kept - a.kept || b.calls - a.calls;
  return {
    measures: probe.works,
    seconds: (performance.now() - probe.startedAt) / 1000,
    calls: probe.calls,
    grown,
    functions: functions.sort(most),
    findings: findings.sort((a, b) => b.bytes - a.bytes),
  };
}

module.exports = { resultOf };
