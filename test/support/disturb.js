'use strict';
// What programs do to a library: they change Error, and node:vm takes them off the stack.

const assert = require('node:assert');
const vm = require('node:vm');
const { getEnvironmentData, isMainThread, setEnvironmentData } = require('node:worker_threads');

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

// A signal is for the whole process, and cuts off one thread that waits for it, whichever: so one at a time does.
const TURN = 'ffi-tally: which thread is cut off';
const turn = new Int32Array(getEnvironmentData(TURN) ?? new SharedArrayBuffer(4));
if (isMainThread) setEnvironmentData(TURN, turn.buffer);

function takeTurn() {
  while (Atomics.compareExchange(turn, 0, 0, 1) !== 0) Atomics.wait(turn, 0, 1);
}

function leaveTurn() {
  Atomics.store(turn, 0, 0);
  Atomics.notify(turn, 0, 1);
}

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
  takeTurn();
  sandbox.attempt = attempt;
  cutting.on = true;
  try {
    assert.throws(() => callAttempt.runInContext(sandbox, { breakOnSigint: true }), {
      code: 'ERR_SCRIPT_EXECUTION_INTERRUPTED',
    });
  } finally {
    cutting.on = false;
    sandbox.attempt = null;
    leaveTurn();
  }
}

module.exports = { changes, cutOff, forever, restoreError };
