'use strict';
// A heap snapshot in which each tracked pointer weighs the bytes of its native memory, so that what DevTools calls a retained
// size is that of the native memory, too.

const fs = require('node:fs');
const path = require('node:path');
const v8 = require('node:v8');
const { threadId } = require('node:worker_threads');
const binding = require('../../binding');
const { stats } = require('../../figures/stats');
const { ArgumentTypeError, OutOfMemoryError, UnsupportedError } = require('../../support/errors');
const { findGathered, writeWeighed } = require('./weigh');

// So many elements that are the same tell our array from all others.
const MARKS = 997;
// These elements; as a text it is among the strings of the snapshot.
const REST = 'native memory of pointers whose objects are gone';

let count = 0;
let held = null; // where V8 sees that it is in use, while the snapshot is made

function nameOfFile() {
  const time = new Date()
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/T(\d{6}).*/, '.$1');
  return `Heap.${time}.${process.pid}.${threadId}.${String(++count).padStart(3, '0')}.heapsnapshot`;
}

/** The sizes of these nodes by node, -1 for others, and their sum. */
function weightsOf(nodes, sizes) {
  let most = 0;
  for (let i = 0; i < nodes.length; i++) if (nodes[i] > most) most = nodes[i];
  const weights = new Float64Array(most + 1).fill(-1);
  let sum = 0;
  for (let i = 0; i < nodes.length; i++) {
    weights[nodes[i]] = sizes[i];
    sum += sizes[i];
  }
  return { weights, sum };
}

/** A snapshot of V8's own, in which the arrays in `held` show which nodes the pointers are. Returns their sizes. */
function writePlain(file) {
  if (!binding.watchEach()) throw new OutOfMemoryError(); // what could not be let go of the last time
  held = new Array(MARKS).fill(REST);
  try {
    const buffer = binding.gatherObjects(held, REST);
    if (buffer === undefined) throw new OutOfMemoryError();
    v8.writeHeapSnapshot(file);
    return new Float64Array(buffer);
  } finally {
    if (binding.watchEach()) held = null;
  }
}

/** Writes `<file>`, and meanwhile `<file>.tmp`. Returns what it is called. */
function writeHeapSnapshot(file = nameOfFile()) {
  if (typeof file !== 'string' || file === '')
    throw new ArgumentTypeError(file, 'file', 'the name of a file');
  if (binding.backend !== 'native') {
    throw new UnsupportedError('Without its native part ffi-tally does not know the objects of its pointers');
  }
  const target = path.resolve(file);
  const plain = `${target}.tmp`;
  const { bytes } = stats();
  try {
    const sizes = writePlain(plain);
    const found = findGathered(plain, MARKS, sizes.length);
    const { weights, sum } = weightsOf(found.nodes, sizes);
    const rest = bytes - sum;
    writeWeighed(plain, target, { ...found, weights, rest });
  } finally {
    fs.rmSync(plain, { force: true });
  }
  return file;
}

module.exports = { writeHeapSnapshot };
