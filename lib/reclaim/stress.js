'use strict';
// The stress mode: collects wherever a pointer or a Buffer that C still needs may be gone, so that it is gone in the first
// test run and not one day in production.

const binding = require('../binding');
const calls = require('../books/c-calls');
const { nursery } = require('../books/nursery');
const { Unusual, unusual } = require('../books/unusual');
const gc = require('./gc');
const { collectNow } = require('./reclaim');

const stress = { on: false };

/** Switches it on or off: for the libraries that are metered in the whole process. */
function setStress(on) {
  if (on !== stress.on) binding.quarantine(on);
  stress.on = on;
  unusual.note(Unusual.STRESSED, on);
}
setStress(process.env.FFI_TALLY_STRESS === '1');

/** Collects all that nobody refers to, and frees it if no C call is on the stack. */
function collectUnderStress() {
  nursery.flush();
  if (calls.isIdle) collectNow('major');
  else if (gc.canCollect()) gc.collectMajor();
}

/** `func`, a function of C, with a collection before and after each call while the mode is on. */
function stressed(func) {
  const called = function (...args) {
    if (!stress.on) return func(...args);
    collectUnderStress();
    try {
      return func(...args);
    } finally {
      collectUnderStress();
    }
  };
  for (const name of Reflect.ownKeys(func)) {
    if (name !== 'prototype')
      Object.defineProperty(called, name, Object.getOwnPropertyDescriptor(func, name));
  }
  return called;
}

module.exports = { collectUnderStress, setStress, stress, stressed };
