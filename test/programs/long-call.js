'use strict';
// A call of C that does not return for a long time, while JavaScript is done with much. Prints how many warnings there are.

const { setImmediate } = require('node:timers/promises');
const { withOwnership } = require('../../lib');
const clock = require('../../lib/support/clock');
const { counting } = require('../support/counting.js');
const things = require('../support/things.js');

let now = 0;
clock.now = () => now;

const koffi = withOwnership(things.koffi);
koffi.opaque('Thing');
koffi.owned('OwnedThing', 'Thing *', { free: 'thing_free', size: 2 ** 20 });
koffi.proto('int Callback(Thing *thing, int value)');
const library = koffi.load(counting);
const make = library.func('OwnedThing thing_new(size_t bytes)');
const call = library.func('int thing_call(Thing *thing, Callback *callback, int value)');

let warnings = 0;
process.on('warning', ({ code }) => (warnings += code === 'FFI_TALLY_LONG_CALL'));

function theLoopOfTheProgram(seconds) {
  const thing = make(1);
  call(
    thing,
    () => {
      for (let second = 0; second < seconds; second++) {
        for (let i = 0; i < 100; i++) make(1);
        now += 1000;
      }
      return 0;
    },
    0,
  );
  thing.dispose();
}

theLoopOfTheProgram(1); // not long
theLoopOfTheProgram(10);
theLoopOfTheProgram(10);
setImmediate().then(() => console.log(`${warnings} warning`));
