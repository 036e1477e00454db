'use strict';
// The main thread's end by process.exit() or an uncaught error, at which Node ends no environment.

const binding = require('../binding');
const calls = require('../books/c-calls');
const gc = require('./gc');

function leave() {
  // What C is in the middle of will not come to its end.
  if (calls.isInC) return;
  // Threads of Node go on for a moment, so memory under a view that may be in use stays.
  if (binding.hasViews() && gc.canCollect()) gc.collectMajor();
  binding.freeAtProcessExit();
}

/** Sets whether everything that has a native destructor is freed then, after the last JavaScript. */
function freeAtProcessExit(wanted) {
  process.off('exit', leave);
  // Before the other listeners, any of which may call process.exit() itself: then those that follow are not called.
  if (wanted) process.prependListener('exit', leave);
}

module.exports = { freeAtProcessExit };
