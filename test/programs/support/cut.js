'use strict';
// For programs whose JavaScript is cut off: a module with what they need. finish() prints what is left.

const { collect, stats, track, withOwnership } = require('../../../lib');
const { counting } = require('../../support/counting.js');
const { cutOff, forever } = require('../../support/disturb.js');
const things = require('../../support/things.js');

const koffi = withOwnership(things.koffi);
const lib = koffi.load(counting);
koffi.opaque('Thing');
koffi.owned('OwnedThing', 'Thing *', { free: 'thing_free', size: 10 });
koffi.proto('int Callback(Thing *thing, int value)');

process.on('warning', () => {});

/** Prints what `then` returns and what the figures are, after a turn for what was deferred, and one for what that deferred. */
function finish(then) {
  const tell = () => {
    const result = then();
    const { bytes, pointers, reported, totals } = stats();
    console.log(
      JSON.stringify({ result, bytes, pointers, reported, failed: totals.failed, ...things.counters() }),
    );
  };
  setImmediate(() => setImmediate(() => setImmediate(tell)));
}

module.exports = {
  ...{ collect, koffi, stats, things, track },
  ...{ finish, forever, run: cutOff },
  create: lib.func('OwnedThing thing_new(size_t bytes)'),
  call: lib.func('int thing_call(Thing *thing, Callback *callback, int value)'),
  make: (free = things.FREE, size = 100) => track(things.make(size), { size, free, label: 'thing' }),
};
