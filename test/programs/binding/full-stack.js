'use strict';
// Tracks and disposes at every depth that a small stack has. Prints what is left of it.

const { stats, track } = require('../../../lib');
const { gcUntil } = require('../../support/gc-until.js');
const { FREE, counters, make } = require('../../support/things.js');

Error.stackTraceLimit = 0;
const found = { refused: 0, cutShort: 0 };
const addresses = Array.from({ length: 2000 }, () => make(64));
const pointers = [];

// In the nursery, and not.
function trackOne() {
  const size = addresses.length % 2 === 0 ? 70_000 : 200_000;
  pointers.push(track(addresses.pop(), { size, free: FREE }));
}

// Compiling a function takes more stack than calling it.
for (let i = 0; i < 2; i++) {
  trackOne();
  pointers.pop().dispose();
}

// At every depth that is left, one is tracked, and on the way back one is disposed.
function dive() {
  if (addresses.length === 0) return;
  try {
    trackOne();
  } catch {
    found.refused++;
  }
  try {
    dive();
  } catch {
    // The end of the stack.
  }
  try {
    pointers.pop()?.dispose();
  } catch {
    found.cutShort++;
  }
}

while (addresses.length > 0) dive();
pointers.length = 0;
gcUntil('all are found', () => stats().pointers === 0).then(() => {
  const { live, double_frees: twice } = counters();
  console.log(JSON.stringify({ ...found, live, twice, bytes: stats().bytes }));
});
