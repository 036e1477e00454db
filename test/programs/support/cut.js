'use strict';
// For programs whose JavaScript is cut off: a module with what they need. finish() prints what is left.

const vm = require('node:vm');
const { collect, stats, track, withOwnership } = require('../../../lib');
const { counting } = require('../../support/counting.js');
const things = require('../../support/things.js');

const koffi = withOwnership(things.koffi);
const lib = koffi.load(counting);
koffi.opaque('Thing');
koffi.owned('OwnedThing', 'Thing *', { free: 'thing_free', size: 10 });
koffi.proto('int Callback(Thing *thing, int value)');

process.on('warning', () => {});

const state = { cutting: false };

/** Goes on until it is cut off, if it is to be. That is asked for here, so that nothing else is cut off, however slow it is. */
function forever() {
  if (state.cutting) process.kill(process.pid, 'SIGINT');
  while (state.cutting);
}

/** Calls `f`, which calls forever() somewhere, and is cut off there. */
function run(f) {
  let code;
  state.cutting = true;
  try {
    vm.runInNewContext('f()', { f }, { breakOnSigint: true });
  } catch (error) {
    ({ code } = error);
  }
  state.cutting = false;
  if (code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw new Error(`was not cut off: ${code}`);
}

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
  ...{ finish, forever, run, state },
  create: lib.func('OwnedThing thing_new(size_t bytes)'),
  call: lib.func('int thing_call(Thing *thing, Callback *callback, int value)'),
  make: (free = things.FREE, size = 100) => track(things.make(size), { size, free, label: 'thing' }),
};
