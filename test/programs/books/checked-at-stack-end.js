'use strict';
// The checked mode where the stack has less and less room. Prints whether what was tracked has kept its destructor.

const { collect, configure, stats, track } = require('../../../lib');
const { atStackEnd } = require('../../support/stack-end.js');

configure({ checked: true });
const freed = new Set();
let twice = 0;
const free = (address) => (freed.has(address) ? twice++ : freed.add(address));

let address = 1n;

function attempt() {
  try {
    track(address++, { size: 1, free });
    return true;
  } catch (error) {
    if (!/call stack/.test(error.message)) throw error;
    return false;
  }
}

atStackEnd(attempt, 20, 100);
collect();
setImmediate(() => {
  collect();
  const { bytes, totals } = stats();
  const { tracked, failed } = totals;
  // One that could not be tracked is freed too, if the stack allows it.
  console.log(JSON.stringify({ bytes, failed, twice, lost: tracked > freed.size, enough: tracked > 2000 }));
});
