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

module.exports = { isFirst };
