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

const FRAMES = 100;

const descend = (frames) => (frames === 0 ? 0 : descend(frames - 1) + 1);

/** Whether the stack has room for a function of a user, some ten kilobytes. */
function hasRoom() {
  try {
    descend(FRAMES);
    return true;
  } catch {
    return false;
  }
}

module.exports = { hasRoom, isFirst };
