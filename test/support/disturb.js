'use strict';
// What programs do to a library: they change Error, and a timeout takes them off the stack wherever they are.

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
const cutting = { on: false, begun: false };

/** Goes on until it is cut off. A function of its own: Koffi keeps what was cut off, and with it what that refers to. */
function forever() {
  cutting.begun = true;
  while (cutting.on);
}

/** Has a timeout cut `attempt` off where it calls forever(). */
function cutOff(attempt) {
  sandbox.attempt = attempt;
  // Where the machine is slow, the time may be over before it has begun.
  for (cutting.begun = false; !cutting.begun; cutting.on = false) {
    cutting.on = true;
    assert.throws(() => callAttempt.runInContext(sandbox, { timeout: 3 }), {
      code: 'ERR_SCRIPT_EXECUTION_TIMEOUT',
    });
  }
  sandbox.attempt = null;
}

module.exports = { changes, cutOff, forever, restoreError };
