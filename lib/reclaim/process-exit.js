'use strict';
// The main thread's end by process.exit() or an uncaught error, at which Node ends no environment.

const binding = require('../binding');
const calls = require('../books/c-calls');
const gc = require('./gc');

// What C registers for the exit of the process runs there when threads and other libraries are gone: so it is the last
// JavaScript that frees.
const windows = process.platform === 'win32';
let isLeaving = false;
let isWatching = false;

function leave() {
  // What C is in the middle of will not come to its end.
  if (calls.isInC) return;
  // Threads of Node go on for a moment, so memory under a view that may be in use stays.
  if (binding.hasViews() && gc.canCollect()) gc.collectMajor();
  if (windows) isLeaving = true;
  else binding.freeAtProcessExit();
}

function free() {
  if (isLeaving && !calls.isInC) binding.freeNow();
}

function afterUncaughtError() {
  // In a listener for 'exit' it ends the process at once.
  if (isLeaving && process.listenerCount('uncaughtException') === 0) return free();
  process.off('uncaughtExceptionMonitor', afterUncaughtError);
  const { emit } = process;
  process.emit = function (name) {
    try {
      return emit.apply(this, arguments);
    } finally {
      if (name === 'exit') free();
    }
  };
  return undefined;
}

// process.exit() ends in process.reallyExit(), whichever listener has called it; an uncaught error in the last listener.
function watchLastJavaScript() {
  isWatching = true;
  const { reallyExit } = process;
  process.reallyExit = function () {
    free();
    return reallyExit.apply(this, arguments);
  };
  process.on('uncaughtExceptionMonitor', afterUncaughtError);
}

/** Sets whether everything that has a native destructor is freed then, after the last JavaScript. */
function freeAtProcessExit(wanted) {
  process.off('exit', leave);
  if (!wanted) return;
  // Before the other listeners, any of which may call process.exit() itself: then those that follow are not called.
  process.prependListener('exit', leave);
  if (windows && !isWatching) watchLastJavaScript();
}

module.exports = { freeAtProcessExit };
