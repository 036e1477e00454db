'use strict';
// Random programs with views, which are handed to whatever Node has that moves their memory or uses it later, while
// pointers are disposed, dropped, resized, given away and collected. Every thing is full of a byte of its own, so
// whoever reads another has read what was freed, which the referee poisons; who writes there damages the poison.
//   node --expose-gc test/support/views-fuzz.js [STEPS] [SEED]      STEPS: 2000

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { setImmediate } = require('node:timers/promises');
const { promisify } = require('node:util');
const { collect, stats, track } = require('../../lib');
const { gc, gcUntil } = require('./gc-until.js');
const { randomFrom } = require('./random.js');
const things = require('./things.js');
const { close, expectAll, moves, use, uses } = require('./uses.js');

const steps = Number(process.argv[2] ?? 2000);
const seed = Number(process.argv[3] ?? crypto.randomInt(2 ** 31));

const below = randomFrom(seed);
const random = () => below(2 ** 32) / 2 ** 32;
const any = (list) => list[below(list.length)];

const sizes = [1, 64, 1000, 4096, 65536, 300_000, 2 ** 20];
const pointers = []; // { pointer, byte, size }
const held = []; // { bytes, byte }: arrays that somebody still has
const pending = new Set();

let made = 0;
function make() {
  const size = any(sizes);
  const byte = 1 + (made++ % 200);
  const address = things.make(size);
  const free = random() < 0.2 ? (at) => things.free(at) : things.FREE;
  const pointer = track(address, { size, free, label: `thing ${made % 5}` });
  new Uint8Array(pointer.view()).fill(byte);
  return { pointer, byte, size };
}

/** A pointer of the program, or a new one that nothing else refers to. */
function one() {
  return pointers.length > 0 && random() < 0.6 ? any(pointers) : make();
}

function bytesOf({ pointer, byte, size }) {
  const length = random() < 0.7 ? size : 1 + below(size);
  const buffer = pointer.view(length);
  assert.equal(buffer.byteLength, length);
  const bytes = random() < 0.5 ? new Uint8Array(buffer) : Buffer.from(buffer);
  expectAll(bytes, byte, 'a view');
  return bytes;
}

/** Ends the pointer in one of the ways, perhaps. */
function end(thing) {
  if (random() < 0.5) return;
  const at = pointers.indexOf(thing);
  if (at >= 0) pointers.splice(at, 1);
  thing.pointer.dispose();
}

function during(promise) {
  pending.add(promise);
  promise.then(
    () => pending.delete(promise),
    (error) => {
      console.error(`seed ${seed}`);
      throw error;
    },
  );
}

async function move() {
  const thing = make(); // of which nobody else has a view that could be taken away from him
  const { byte } = thing;
  const moved = await any(Object.values(moves))(bytesOf(thing));
  if (random() < 0.5) thing.pointer.dispose();
  else pointers.push(thing);
  // A moved one can be moved on, and is not marked by Node.
  const again = random() < 0.5 ? await any(Object.values(moves))(moved) : moved;
  expectAll(again, byte, 'a moved view');
  const next = below(4);
  if (next < 2) held.push({ bytes: again, byte });
  if (next === 2) await use(any(Object.keys(uses)), again, byte);
}

function churn() {
  let kept = [];
  for (let i = 0; i < 20_000; i++) kept = [kept, i];
  return kept.length;
}

const operations = [
  [8, () => void pointers.push(make())],
  [6, () => void bytesOf(one())],
  [8, () => ((thing) => void held.push({ bytes: bytesOf(thing), byte: thing.byte }))(one())],
  [4, () => pointers.length > 0 && end(any(pointers))],
  [4, () => void pointers.splice(below(pointers.length + 1), 1)],
  [6, () => void held.splice(below(held.length + 1), 1)],
  [
    10,
    () => {
      const thing = one();
      during(use(any(Object.keys(uses)), bytesOf(thing), thing.byte));
      end(thing);
    },
  ],
  [8, () => during(move())],
  [
    2,
    // Node writes into what may be gone.
    () => {
      const { pointer } = make();
      const filled = promisify(crypto.randomFill)(new Uint8Array(pointer.view()));
      pointer.dispose();
      during(filled);
    },
  ],
  [
    3,
    // A pointer into the memory of another.
    () => {
      const parent = one();
      const offset = below(parent.size);
      const inside = track(parent.pointer.address + BigInt(offset), {
        size: 0,
        free: null,
        parent: parent.pointer,
      });
      held.push({ bytes: new Uint8Array(inside.view(parent.size - offset)), byte: parent.byte });
      if (random() < 0.5) inside.dispose();
      end(parent);
    },
  ],
  [
    2,
    () => {
      const thing = one();
      thing.pointer.resize(thing.size + 10);
      thing.pointer.resize(thing.size);
    },
  ],
  [
    2,
    () => {
      const thing = make();
      const bytes = bytesOf(thing);
      const { address } = thing.pointer;
      thing.pointer.release();
      assert.equal(bytes.length, 0);
      things.free(address);
    },
  ],
  [
    3,
    () => {
      const thing = one();
      const copy = thing.pointer.copy(thing.size);
      expectAll(copy, thing.byte, 'a copy');
      held.push({ bytes: copy, byte: thing.byte });
    },
  ],
  [1, () => void collect()],
  [2, () => void collect({ type: 'minor' })],
  [1, () => void gc()],
  [1, () => void churn()],
  [4, () => setImmediate()],
];
const wheel = operations.flatMap(([weight, operation]) => Array(weight).fill(operation));

function expectHeld() {
  if (held.length === 0) return;
  const { bytes, byte } = any(held);
  expectAll(bytes, byte, 'one held');
}

// A function of its own: a variable of one that goes on may keep the last value.
async function run() {
  for (let i = 0; i < steps; i++) {
    const result = any(wheel)();
    if (result instanceof Promise) await result;
    expectHeld();
    if (held.length > 60) held.splice(0, 30);
    if (pointers.length > 60) pointers.splice(0, 30);
    if (pending.size > 50) await Promise.race(pending);
    assert.equal(things.counters().damaged, 0);
  }
  while (pending.size > 0) await Promise.all(pending);
  for (const { bytes, byte } of held) expectAll(bytes, byte, 'one held');
}

async function main() {
  things.reset();
  things.poison(2 ** 29);
  const { tracked } = stats().totals;
  await run();
  pointers.length = 0;
  held.length = 0;
  close();
  await gcUntil('all is freed', () => (collect(), things.counters().live === 0));
  things.poison(0);
  const { bytes, reported, dead, totals } = stats();
  assert.deepEqual({ bytes, reported, dead }, { bytes: 0, reported: 0, dead: { bytes: 0, pointers: 0 } });
  const { live, freed, made: all, ...rest } = things.counters();
  for (const name of Object.keys(things.faultless)) assert.equal(rest[name], 0, name);
  assert.deepEqual([live, freed], [0, all]);
  console.log(JSON.stringify({ seed, steps, tracked: totals.tracked - tracked, freed }));
}

main().catch((error) => {
  console.error(`seed ${seed}`, error);
  process.exit(1);
});
