'use strict';
// A long loop in which the event loop gets no turn, and then garbage that waits for one.

const { stats, track } = require('../../../lib');
const { FREE, counters, make } = require('../../support/things.js');
const { turns } = require('./turns.js');

const SIZE = 1_000_000;

for (let i = 0; i < 2000; i++) track(make(SIZE), { size: SIZE, free: FREE });
globalThis.kept = [];
for (let i = 0; i < 5000; i++) globalThis.kept.push(track(make(100), { size: 100, free: FREE }));
const { peak_bytes: peak } = counters();
globalThis.kept = undefined;
stats(); // those tracked last get their books
turns(
  () => counters().live === 0,
  () => 0,
).then(() => console.log(JSON.stringify({ peak, live: counters().live })));
