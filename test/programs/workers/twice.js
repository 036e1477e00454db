'use strict';
// The library twice in one process. Prints what the books of both and the referee say.
//   node test/programs/workers/twice.js [same-addon]      both halves twice, or JavaScript alone, as Jest does it

const things = require('../../support/things.js');

const a = require('../../../lib');
const sameAddon = process.argv.includes('same-addon');
for (const file of Object.keys(require.cache)) {
  const isOurs = /[\\/]lib[\\/]|ffi_tally/.test(file) && !file.includes('node_modules');
  if (isOurs && !(sameAddon && file.endsWith('.node'))) delete require.cache[file];
}
const b = require('../../../lib');

const make = (tally, size = 100) => tally.track(things.make(size), { size, free: things.FREE });

function codeOf(attempt) {
  try {
    attempt();
  } catch (error) {
    return error.code;
  }
  return undefined;
}

const kept = [make(a), make(b), make(a), make(b), make(a, 100_000), make(b, 100_000)];
const free = (address) => things.free(address);
const byJavaScript = [a, b].map((tally) => tally.track(things.make(1), { size: 1, free }));
const dropped = [];
(() => {
  for (let i = 0; i < 300; i++) dropped.push(make(a), make(b));
})();
const counts = [a.stats().bytes, b.stats().bytes];
dropped.length = 0;
a.reportExternal(10);
const refused = codeOf(() => b.reportExternal(-10));
a.reportExternal(-10);
a.collect();
b.collect();
const after = [a.stats(), b.stats()].map(({ bytes, pointers }) => [bytes, pointers]);
for (const pointer of [...kept, ...byJavaScript]) pointer.dispose();
const end = [a, b].map((tally) => [tally.stats().bytes, tally.stats().reported]);
console.log(JSON.stringify({ same: a === b, counts, refused, after, end, ...things.counters() }));
