'use strict';
// A runtime that cannot be asked for a collection, and garbage on its event loop. Prints what there was at most, and is.

require('node:v8').setFlagsFromString = () => {
  throw new Error('not here');
};
require('node:vm').createContext = () => undefined;

const { collect, stats, track } = require('../../../lib');
const things = require('../../support/things.js');

const MIB = 2 ** 20;
let peak = 0;
let steps = 0;

function step() {
  // A few real bytes stand for many: it is the charge that V8 must feel.
  track(things.make(64), { size: 8 * MIB, free: things.FREE });
  peak = Math.max(peak, stats().bytes);
  if (++steps < 1000) setImmediate(step);
  else end();
}

function end() {
  const { bytes, reported, collections, totals } = stats();
  console.log(JSON.stringify({ peak, bytes, reported, collections, totals, freed: collect() }));
}

step();
