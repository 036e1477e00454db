'use strict';
// Asking for a garbage collection, if this runtime can be asked. Found when first needed.

const v8 = require('node:v8');
const vm = require('node:vm');

let gc;

function find() {
  if (typeof globalThis.gc === 'function') return globalThis.gc;
  try {
    const exposed = vm.runInNewContext('globalThis.gc');
    if (typeof exposed === 'function') return exposed;
    v8.setFlagsFromString('--expose-gc');
    const found = vm.runInNewContext('globalThis.gc');
    // Contexts made later should not find a global that nobody asked for.
    v8.setFlagsFromString('--no-expose-gc');
    return typeof found === 'function' ? found : null;
  } catch {
    return null;
  }
}

/** Whether a collection can be asked for. */
function canCollect() {
  if (gc === undefined) gc = find();
  return gc !== null;
}

/** A scavenge: what died young. REQUIRES: canCollect(). */
function collectMinor() {
  gc({ type: 'minor' });
}

/** A mark-compact: all that is dead. REQUIRES: canCollect(). */
function collectMajor() {
  gc(); // V8 before 12 takes any object, { type: 'major' } too, for a wish for a minor GC
}

/** Bytes of live and not yet collected JavaScript objects. */
function heapUsed() {
  return v8.getHeapStatistics().used_heap_size;
}

module.exports = { canCollect, collectMajor, collectMinor, heapUsed };
