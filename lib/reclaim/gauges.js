'use strict';
// What a new pointer has done to gauges.

const binding = require('../binding');
const calls = require('../books/c-calls');
const { nursery } = require('../books/nursery');
const { gauges, largest, readUnowned } = require('../books/unowned');
const { LimitError } = require('../support/errors');
const gc = require('./gc');
const { collectNow, relieve } = require('./reclaim');

const { MINOR, MAJOR } = binding.protocol.advice;
const COLLECT = MINOR | MAJOR;

/** Throws if a gauge has grown past its limit, and nothing makes room. */
function refuseAtGauge() {
  for (const gauge of gauges) {
    if (gauge.line === null) continue;
    // One that has not grown is full because of others: the new pointer may be of another memory.
    if (gauge.bytes > gauge.limit && gauge.hasGrown && !gauge.line.makeRoom(0)) {
      throw new LimitError(
        undefined,
        `the gauge '${gauge.label}' tells`,
        gauge.bytes,
        gauge.limit,
        largest(3),
      );
    }
  }
}

/** Collects if gauges have grown by what may be garbage. */
function relieveGauges() {
  let advice = binding.advise();
  if ((advice & COLLECT) !== 0) nursery.flush(); // what it holds cannot be collected
  // Nobody is told what each of them brings, so that none could pay for what it brings: all that is dead is freed.
  while ((advice & COLLECT) !== 0 && calls.isIdle) {
    if (!gc.canCollect()) return relieve(advice);
    collectNow((advice & MAJOR) !== 0 ? 'major' : 'minor');
    advice = (advice & MAJOR) !== 0 ? 0 : binding.advise(); // what a major one left is alive
  }
  for (const gauge of gauges) if (gauge.pace !== null) relieveOwn(gauge);
}

/** The same for a gauge that has a budget of its own. */
function relieveOwn(gauge) {
  if (!calls.isIdle) return;
  for (let type = gauge.pace.advise(); type !== null;) {
    const before = gauge.bytes;
    nursery.flush();
    collectNow(type);
    readUnowned();
    gauge.pace.collected(type, before);
    type = type === 'minor' ? gauge.pace.advise() : null; // what a major one left is alive
  }
}

module.exports = { refuseAtGauge, relieveGauges };
