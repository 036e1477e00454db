'use strict';
// What the arguments of a call that is counted are converted by.

const { callUnmarked, forgetArguments, note } = require('./counting');

/** `convert` for an argument of a counted call: whose object it is. `isFirst` says whether none is before it. */
function noting(convert, isFirst, takes) {
  return (value) => {
    if (isFirst) forgetArguments();
    const converted = convert(value);
    note(value, takes);
    return converted;
  };
}

/** `value`, an argument of a counted call, so that callUnmarked() calls it if it is a callback. */
function unmarked(value) {
  return typeof value === 'function' ? unmarking(value) : value;
}

// By itself: where a closure is made, what it reads is put aside in each call, whether it is made or not.
function unmarking(callback) {
  return function (...args) {
    return callUnmarked(callback, this, args);
  };
}

module.exports = { noting, unmarked };
