'use strict';
// A long loop in which the event loop gets no turn, and then garbage that waits for one.

const { stats, track } = require('../../../lib');
const { gcUntil } = require('../../support/gc-until.js');
const { FREE, counters, make } = require('../../support/things.js');

const SIZE = 1_000_000;

for (let i = 0; i < 2000; i++) track(make(SIZE), { size: SIZE, free: FREE });
globalThis.kept = [];
for (let i = 0; i < 5000; i++) globalThis.kept.push(track(make(100), { size: 100, free: FREE }));
const { peak_bytes: peak } = counters();
globalThis.kept = undefined;
stats(); // those tracked last get their books
// More than once: what compiles the loop beside it keeps for a while what the loop has used.
gcUntil('all is freed', () => counters().live === 0).then(() =>
  console.log(JSON.stringify({ peak, live: counters().live })),
);
