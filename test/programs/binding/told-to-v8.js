'use strict';
// What the books have, and what V8 is told, step by step. Prints both, and 'too much' where it was.
//   node test/programs/binding/told-to-v8.js UNIT SMALL      bytes that are felt at once, and of a small pointer

const { reportExternal, stats, track } = require('../../../lib');

const [UNIT, SMALL] = process.argv.slice(2).map(Number);
const found = [];

function note() {
  const { bytes, manual, reported } = stats();
  found.push([bytes + manual, reported]);
}

const large = track(1n, { size: 10 * UNIT, free: null });
note();
large.resize(20 * UNIT);
note();
large.resize(5 * UNIT);
note();
large.dispose();
note();
for (const units of [3, 4, -5, 0.5, -2.5]) {
  reportExternal(units * UNIT);
  note();
}
const small = [];
for (let i = 0; i < 400; i++) small.push(track(1n, { size: SMALL, free: null }));
note();
while (small.length > 0) {
  small.pop().dispose();
  const { bytes, reported } = stats();
  if (reported > bytes) found.push('too much');
}
note();
console.log(JSON.stringify(found));
