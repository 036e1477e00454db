'use strict';
// Tracks pointers, and has the library find others dead, where the stack has less and less room.
//   node --expose-gc test/programs/support/at-stack-end.js ROUNDS

const { collect, stats, track } = require('../../../lib');
const { atStackEnd } = require('../../support/stack-end.js');

const rounds = Number(process.argv[2]);
const freed = new Set();
const deep = (n) => (n === 0 ? 0 : 1 + deep(n - 1));

function free(address) {
  deep(20);
  freed.add(address);
}

let address = 1n;

function attempt() {
  try {
    track(address++, { size: 200_000, free });
    gc({ type: 'minor' });
    track(address++, { size: 200_000, free }); // which finds the one before it dead
    return true;
  } catch (error) {
    if (!/call stack/.test(error.message)) throw error;
    return false;
  }
}

attempt();
atStackEnd(attempt, 20, rounds);
setImmediate(() => {
  collect();
  const { pointers, totals } = stats();
  const { tracked, failed } = totals;
  // One that could not be tracked is freed too, if the stack allows it.
  console.log(
    JSON.stringify({ pointers, failed, lost: tracked > freed.size, enough: tracked > 20 * rounds }),
  );
});
