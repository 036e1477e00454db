'use strict';
// What cases have in common that measure one short step, as often as it takes.

const { performance } = require('node:perf_hooks');
const { custom } = require('./bars');
const median = require('./median');

function time(step, count, bytes) {
  const start = performance.now();
  for (let i = 0; i < count; i++) step(bytes);
  return ((performance.now() - start) / count) * 1e6;
}

/** Nanoseconds of step(bytes): those of the faster half, without the batches in which the machine did something else. */
function perStep(step, { batches, count, bytes }) {
  time(step, count, bytes);
  const times = Array.from({ length: batches }, () => time(step, count, bytes));
  return median(times.sort((a, b) => a - b).slice(0, batches / 2 + 1));
}

/**
 * The same of two steps, batch by batch in turn, so that whatever else the machine does both have: { theirs, ours }, and
 * `over`, by how many nanoseconds the second is above the first.
 */
function inTurn(first, second, { batches, count }) {
  for (const step of [first, second]) time(step, 100 * count);
  const pairs = Array.from({ length: batches }, () => ({
    theirs: time(first, count),
    ours: time(second, count),
  }))
    .sort((a, b) => a.theirs + a.ours - b.theirs - b.ours)
    .slice(0, batches / 2 + 1)
    .map(({ theirs, ours }) => ({ theirs, ours, over: ours - theirs }));
  const middle = (key) => median(pairs.map((pair) => pair[key]).sort((a, b) => a - b));
  return { theirs: middle('theirs'), ours: middle('ours'), over: middle('over') };
}

/** Round by round: the nanoseconds by which `peer` is above `reference` are at most `most`. */
function mostOver(text, peer, reference, key, most) {
  return custom(text, 'time', `<= ${most} ns`, (results) => {
    const { rounds } = results[reference];
    const over = median(results[peer].rounds.map((round, i) => round[key] - rounds[i][key]));
    return { value: `${over.toFixed(1)} ns`, pass: over <= most };
  });
}

module.exports = { inTurn, mostOver, perStep };
