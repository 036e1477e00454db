'use strict';
// Asking for a garbage collection, if this runtime can be asked. Found when first needed.

const v8 = require('node:v8'); // not when first needed: where that is cut off, only a part of it would be there for ever
const vm = require('node:vm');
const binding = require('../binding');
const { hasRoom } = require('../support/stack');

let gc;

function exposed() {
  // Not `globalThis.gc`, which a program may have replaced: see run().
  const script = new vm.Script('globalThis.gc');
  const gcOf = (context) => script.runInContext(context);
  const found = gcOf(vm.createContext());
  if (typeof found === 'function') return found;
  // Where the binary is missing, another thread may be here too, and take the flag back.
  for (let attempt = 0; attempt < 20; attempt++) {
    const made = gcOf(binding.runAlone(createExposed));
    if (typeof made === 'function') return made;
  }
  return null;
}

// The flag is that of all threads: a context that another one makes meanwhile has a global that nobody asked for. So it is
// set for as long as V8 makes one context, and by one thread at a time.
function createExposed() {
  v8.setFlagsFromString('--expose-gc');
  try {
    return vm.createContext();
  } finally {
    v8.setFlagsFromString('--no-expose-gc');
  }
}

/** { minor, major }, or null. */
function find() {
  // Bun collects all or nothing: that nothing comes of a minor collection, others notice.
  const { Bun } = globalThis;
  if (typeof Bun?.gc === 'function') {
    const found = Bun.gc;
    return { minor() {}, major: () => found(true) };
  }
  try {
    const found = exposed();
    // V8 before 12 takes any object, { type: 'major' } too, for a wish for a minor GC.
    return found === null ? null : { minor: () => found({ type: 'minor' }), major: () => found() };
  } catch {
    return null;
  }
}

/** Whether a collection can be asked for; undefined, or an error, where the stack is too full to find out. */
function canCollect() {
  if (gc === undefined) {
    if (!hasRoom()) return undefined;
    gc = find();
  }
  return gc !== null;
}

/** Nobody else's JavaScript runs here: native/env/views.h. Returns whether another one may find more. */
function run(collect, major) {
  let again = false;
  binding.beginCollection(major);
  try {
    collect();
  } finally {
    again = binding.endCollection(major);
  }
  return again;
}

/** A scavenge: what died young. REQUIRES: canCollect(). */
function collectMinor() {
  run(gc.minor, false);
}

/** A mark-compact: all that is dead. REQUIRES: canCollect(). */
function collectMajor() {
  if (run(gc.major, true)) run(gc.major, true);
}

/** Of JavaScript objects, live and not yet collected, and what their heap has of the kernel. */
function heapSize() {
  const { used_heap_size: used, total_physical_size: pages = 0 } = v8.getHeapStatistics();
  return { used, pages };
}

module.exports = { canCollect, collectMajor, collectMinor, heapSize };
