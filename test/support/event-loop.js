'use strict';
// Things of the referee that nobody disposes of, made on the event loop by the backend in JavaScript. Prints how many
// bytes were there at most, and how many are left in the end.
//   node test/support/event-loop.js BYTES PER_TURN TURNS [without-ballast]

process.env.FFI_TALLY_BACKEND = 'javascript';
const [bytes, perTurn, turns] = process.argv.slice(2).map(Number);
if (process.argv.includes('without-ballast')) {
  require('../../lib/binding/javascript/ballast').Ballast.prototype.add = () => {};
}

const { stats, track } = require('../../lib');
const { gcUntil } = require('./gc-until.js');
const { FREE, counters, make } = require('./things.js');

const turn = () => new Promise((resolve) => setImmediate(resolve));

(async () => {
  for (let i = 0; i < turns; i++) {
    for (let k = 0; k < perTurn; k++) track(make(bytes), { size: bytes, free: FREE });
    await turn();
  }
  const { peak_bytes: peak } = counters();
  await gcUntil('all are found', () => stats().dead.pointers === stats().pointers);
  while (stats().pointers > 0) await turn(); // freed a slice at a time
  const { live, double_frees: twice } = counters();
  const { minor, major } = stats().collections;
  console.log(JSON.stringify({ peak, live, twice, asked: minor + major, reported: stats().reported }));
})();
