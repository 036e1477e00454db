'use strict';
// What the threads and processes of a program have found, as one: a row for each function.

const { formatBytes } = require('../../support/bytes');

function join(into, list, keyOf, add) {
  const found = new Map(into.map((each) => [keyOf(each), each]));
  for (const each of list) {
    const key = keyOf(each);
    const known = found.get(key);
    found.set(key, known === undefined ? { ...each } : add(known, each));
  }
  return [...found.values()];
}

const addPointers = (one, other) => ({ ...one, pointers: one.pointers + other.pointers });

function joinFunctions(one, other) {
  const calls = one.calls + other.calls;
  const kept = one.kept + other.kept;
  return {
    ...one,
    calls,
    kept,
    perCall: calls === 0 ? 0 : kept / calls,
    outstanding: one.outstanding + other.outstanding,
    pointers: one.pointers + other.pointers,
    tracked: one.tracked ?? other.tracked,
    adopted: one.adopted ?? other.adopted,
    freedBy: join(one.freedBy, other.freedBy, ({ name }) => name, addPointers),
    uncertain: [...new Set([...one.uncertain, ...other.uncertain])],
  };
}

const callsOf = ({ functions }, { library, function: name }) =>
  functions.find((each) => each.library === library && each.name === name).calls;

const amount = (bytes, calls) => `${formatBytes(bytes)} of ${calls} calls`;

/** One finding of two audits, in the words of the one that has found more. */
function joinFindings(one, a, other, b) {
  const [audit, finding] = a.bytes >= b.bytes ? [one, a] : [other, b];
  const bytes = a.bytes + b.bytes;
  const told = amount(finding.bytes, callsOf(audit, finding));
  const text = finding.text.replace(told, amount(bytes, callsOf(one, a) + callsOf(other, b)));
  return { ...finding, bytes, text };
}

/** The sum of `audits`, undefined of none. */
function mergeAudits(audits) {
  if (audits.length <= 1) return audits[0];
  const ofFunction = ({ library, name, signature }) => `${library}\n${name}\n${signature}`;
  const ofFinding = (finding) => `${finding.kind}\n${finding.library}\n${finding.function}`;
  const merged = audits.reduce((one, other) => ({
    ...one,
    calls: one.calls + other.calls,
    seconds: Math.max(one.seconds, other.seconds),
    functions: join(one.functions, other.functions, ofFunction, joinFunctions),
    findings: join(one.findings, other.findings, ofFinding, (a, b) => joinFindings(one, a, other, b)),
  }));
  merged.functions.sort((a, b) => b.outstanding - a.outstanding);
  merged.findings.sort((a, b) => b.bytes - a.bytes);
  return merged;
}

module.exports = { mergeAudits };
