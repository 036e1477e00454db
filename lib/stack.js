'use strict';
// What is on the JavaScript stack.

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

// As many arguments as take 48 kB of the stack. V8 compiles no function that is called for the first time where less
// than 40 kB are left.
const MANY = new Array(6144).fill(0);
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

module.exports = { hasRoom, isFirst, needRoom };
