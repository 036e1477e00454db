'use strict';

const v8 = require('node:v8');
const vm = require('node:vm');
const { setImmediate: nextTurn } = require('node:timers/promises');

// A context made while the flag is set has gc(), whatever the process was started with. The flag is taken back: the
// contexts of the tests that follow in this process shall not have it.
function exposeGc() {
  v8.setFlagsFromString('--expose-gc');
  const exposed = vm.runInNewContext('gc');
  v8.setFlagsFromString('--no-expose-gc');
  return exposed;
}

/** Runs a full garbage collection now. */
const gc = globalThis.gc ?? exposeGc();

/**
 * Collects garbage, with a turn of the event loop before each time, until `condition()` is truthy, and resolves to
 * what it returned. Rejects, saying what we waited for, after `max` times: many, because where the machine is slow each
 * turn finds and frees one pointer.
 */
async function gcUntil(name, condition, max = 200) {
  for (let count = 0; count < max; count++) {
    await nextTurn();
    gc();
    // Finalizers run in the turn after the collection.
    await nextTurn();
    const result = await condition();
    if (result) return result;
  }
  throw new Error(`Not after ${max} garbage collections: ${name}`);
}

module.exports = { gc, gcUntil };
