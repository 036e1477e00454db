'use strict';
// What is on the JavaScript stack.

const { setImmediate } = require('node:timers');
const { runInNewContext } = require('node:vm');
const { isOwnFile } = require('./packed');
const { BYTES } = require('./word');

// Programs change Error and its limit. This function is of a context that has its own, where nobody does.
const CAPTURE = `
  Error.stackTraceLimit = 1e6;
  Error.prepareStackTrace = (error, sites) => sites;
  (callback) => {
    const trace = {};
    Error.captureStackTrace(trace, callback);
    return trace.stack;
  };
`;
let capture;

/** The call sites below `callback`, which is running, whatever a program has done to Error. */
function sitesBelow(callback) {
  capture ??= runInNewContext(CAPTURE);
  return capture(callback);
}

const isOurs = (site) => isOwnFile(site.getScriptNameOrSourceURL() ?? '');

/**
 * Whether no function of this library is on the stack below `callback`, which is running: the event loop has called it,
 * and not C that one of our functions has called. False where that cannot be told.
 */
function isOutermost(callback) {
  try {
    const sites = sitesBelow(callback);
    return Array.isArray(sites) && !sites.some(isOurs);
  } catch {
    return false;
  }
}

/** Who has called this library, as lines of a stack trace; '' where that cannot be told. */
function callersOfUs() {
  try {
    const lines = sitesBelow(callersOfUs).filter((site) => !isOurs(site));
    return lines.map((site) => `    at ${site}`).join('\n');
  } catch {
    return '';
  }
}

/** Calls functions of a user, never one inside of another. */
class Gate {
  #isInside = false;
  // What was cut off, by a timeout of node:vm, has not come to the end that would have said so.
  #recover = () => {
    if (isOutermost(this.#recover)) this.#isInside = false;
  };

  /** Has the next turn open it, if nothing is inside then. */
  recover() {
    needRoomForTimer();
    setImmediate(this.#recover);
  }

  /** Whether run() may be called. If not, the next turn finds out whether that is so. */
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
const MANY = new Array((48 * 1024) / BYTES).fill(0);
const SOME = new Array((8 * 1024) / BYTES).fill(0);
const ignore = () => {};
ignore(); // compiled now, it needs no 40 kB beside its arguments

/** Throws, as V8 does, where the stack is nearly full: what is half done when it is full would stay so. */
function needRoom() {
  ignore.apply(undefined, MANY);
}

/**
 * Throws, as V8 does, where the stack has no room for what Node does to make an immediate or a timer: by one that is half made
 * the event loop turns for ever.
 */
function needRoomForTimer() {
  ignore.apply(undefined, SOME);
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

module.exports = { Gate, callersOfUs, hasRoom, isOutermost, needRoom, needRoomForTimer };
