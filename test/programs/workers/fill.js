'use strict';
// What workers do: requiring this makes small and large things, bound arguments, parents and children; all kept.

const { parentPort, workerData } = require('node:worker_threads');
const { POINTER, SIZE, stats, track } = require('../../../lib');
const { canBind } = require('../../../lib/binding');
const things = require('../../support/things.js');

const sized = canBind ? { address: things.FREE_SIZED, args: [POINTER, SIZE] } : things.FREE;
const kept = (globalThis.kept = []);

function make(size, free, parent) {
  const address = parent === undefined ? things.make(size) : things.makeChild(parent.address, size);
  const pointer = track(address, { size, free, parent });
  kept.push(pointer);
  return pointer;
}

for (let i = 0; i < 50; i++) {
  const parent = make(100, things.FREE);
  const child = make(200, sized, parent);
  make(100_000, things.FREE, child);
  make(10, things.FREE);
  if (i % 5 === 0) parent.dispose();
}
for (let i = 0; i < 10; i++) make(10, things.FREE); // not yet in the books

module.exports = { kept, make, parentPort, sized, stats, things, track, workerData };
