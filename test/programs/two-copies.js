'use strict';
// Two copies of the package, each with an addon of its own.
//   node test/programs/two-copies.js LIB      where the lib/ of the other one is

const [a, b] = [require('../../lib'), require(process.argv[2])];
const { counting } = require('../support/counting.js');
const things = require('../support/things.js');

const make = (tally, size) => tally.track(things.make(size), { size, free: things.FREE, label: 'thing' });

function codeOf(attempt) {
  try {
    return attempt();
  } catch (error) {
    return error.code ?? error.name;
  }
}

(() => {
  for (let i = 0; i < 2000; i++) {
    make(a, 100);
    make(b, i % 2 === 0 ? 100 : 100_000);
  }
})();
const token = a.handOver(make(a, 100));
const mine = make(a, 100);
const koffi = b.withOwnership(things.koffi);
const owning = koffi.load(counting);
koffi.owned('OwnedThing', 'void *', { free: 'thing_free', size: 10 });
const take = owning.func('void thing_free(OwnedThing thing)');
const codes = [
  codeOf(() => b.takeOver(token)),
  codeOf(() => b.handOver(mine)),
  codeOf(() => b.track(1n, { size: 0, free: null, parent: mine })),
  codeOf(() => take(mine)),
];
a.takeOver(token).dispose();
mine.dispose();
a.collect();
b.collect();
const books = [a, b].map((tally) => {
  const { bytes, pointers, reported } = tally.stats();
  return [bytes, pointers, reported];
});
console.log(JSON.stringify({ same: a === b, codes, books, ...things.counters() }));
