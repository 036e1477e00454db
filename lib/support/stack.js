'use strict';
// What is on the JavaScript stack.

const { setImmediate } = require('node:timers');

const OF_NODE = /^\s+at (.* \()?node:/;

/**
 * Whether nothing but Node's event loop called `callback`, which is running: no frame below it is anybody's. False
 * where that cannot be told, because the stack is not recorded that far or in another form.
 */
function isFirst(callback) {
  const trace = {};
  Error.captureStackTrace(trace, callback);
  const frames = String(trace.stack).split('\n').slice(1);
  return (
    frames.length > 0 && frames.length < Error.stackTraceLimit && frames.every((frame) => OF_NODE.test(frame))
  );
}

/** Calls functions of a user, never one inside of another. */
class Gate {
  #isInside = false;
  // What was cut off, by a timeout of node:vm, has not come to the end that would have said so.
  #recover = () => {
    if (isFirst(this.#recover)) this.#isInside = false;
  };

  /** Has the next turn open it, if nothing is inside then. */
  recover() {
    setImmediate(this.#recover);
  }

  /** Whether run() may be called. If not, the next turn looks whether that is so. */
  get isOpen() {
    if (this.#isInside) this.recover();
    return !this.#isInside;
  }

  /** Calls `callback`. REQUIRES: isOpen. */
  run(callback, argument) {
    this.#isInside = true;
    try {
      return callback(argument);
    } finally {
      this.#isInside = false;
    }
  }
}

// As many arguments as take 48 kB of the stack. V8 compiles no function that is called for the first time where less
// than 40 kB are left.
const WORD = ['arm', 'ia32'].includes(process.arch) ? 4 : 8;
const MANY = new Array((48 * 1024) / WORD).fill(0);
const ignore = () => {};

/** Throws, as V8 does, where the stack is nearly full: what is half done when it is full would stay so. */
function needRoom() {
  ignore.apply(undefined, MANY);
}

/** Whether needRoom() would not throw. */
function hasRoom() {
  try {
    needRoom();
    return true;
  } catch {
    return false;
  }
}

module.exports = { Gate, hasRoom, isFirst, needRoom };
