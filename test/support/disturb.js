'use strict';
// What programs do to a library: they change Error, and node:vm takes them off the stack.

const assert = require('node:assert');
const vm = require('node:vm');

const own = { captureStackTrace: Error.captureStackTrace, stackTraceLimit: Error.stackTraceLimit };

function restoreError() {
  delete Error.prepareStackTrace;
  Object.assign(Error, own);
}

/** Changes of Error. */
const changes = [
  restoreError,
  () => (Error.stackTraceLimit = 0),
  () => (Error.stackTraceLimit = 1),
  () => (Error.prepareStackTrace = (error, sites) => sites),
  () => (Error.prepareStackTrace = () => ''),
  () => (Error.captureStackTrace = () => {}),
];

const sandbox = vm.createContext({ attempt: null });
const callAttempt = new vm.Script('attempt()');
const cutting = { on: false };

/**
 * Goes on until it is cut off, and asks for that, so that nothing else is cut off, however slow it is. A function of its own:
 * Koffi keeps what was cut off, and with it what that refers to.
 */
function forever() {
  if (cutting.on) process.kill(process.pid, 'SIGINT');
  while (cutting.on);
}

/** Calls `attempt`, which calls forever(), and is cut off there. */
function cutOff(attempt) {
  sandbox.attempt = attempt;
  cutting.on = true;
  try {
    assert.throws(() => callAttempt.runInContext(sandbox, { breakOnSigint: true }), {
      code: 'ERR_SCRIPT_EXECUTION_INTERRUPTED',
    });
  } finally {
    cutting.on = false;
    sandbox.attempt = null;
  }
}

module.exports = { changes, cutOff, forever, restoreError };
