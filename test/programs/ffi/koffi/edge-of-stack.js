'use strict';
// Frees pointers where the stack ends somewhere in between. Prints how many are lost.
//   node edge-of-stack.js STEP     1 for each place where it may end, 2 for every second

const { collect, stats, track } = require('../../../../lib');
const { counting } = require('../../../support/counting.js');
const koffi = require('../../../../lib/ffi/koffi');
const things = require('../../../support/things.js');

const step = Number(process.argv[2]);
const library = koffi.load(counting);
koffi.owned('Thing', 'void *', { free: 'thing_free', size: 10 });
const free = library.func('void thing_free(void *thing)');
const closing = { address: library.symbol('thing_close'), args: [require('../../../../lib').POINTER], ok: 0 };

/** Calls `use` where about `spare` frames are left. */
function nearTheEnd(spare, use) {
  let frames = 0;
  let isDone = false;
  const down = (depth) => {
    try {
      down(depth + 1);
    } catch (error) {
      if (isDone) throw error;
    }
    if (isDone || ++frames !== spare) return;
    isDone = true;
    use();
  };
  try {
    down(0);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
}

const makers = {
  byHand(parent) {
    const thing = track(things.make(10), { size: 10, free: things.FREE, parent });
    return [thing, () => free(thing)];
  },
  saying() {
    const thing = track(things.make(10), { size: 10, free: closing });
    thing.resize(10); // which gives it a slot
    return [thing, () => thing.dispose()];
  },
};

for (const make of Object.values(makers)) {
  for (let spare = 1; spare < 1500; spare += step) {
    const parent = track(2n ** 40n, { size: 1, free: null });
    const [thing, use] = make(parent);
    parent.dispose();
    nearTheEnd(spare, use);
    thing.dispose();
  }
}
collect();
const { live, double_frees: doubles } = things.counters();
console.log(JSON.stringify({ live, doubles, pointers: stats().pointers }));
