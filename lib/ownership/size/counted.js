'use strict';
// A function of C whose calls are counted, and what its arguments are converted by.

const { abandon, begin, callUnmarked, end, forgetArguments, note, open } = require('./counting');

/** The number of arguments decides the form: none with rest arguments in the usual cases. */
const forms = [
  (raw, about) =>
    function () {
      if (arguments.length !== 0) return raw.apply(undefined, arguments); // which complains
      const frame = begin(about);
      try {
        const result = raw();
        end(frame, about);
        return result;
      } catch (error) {
        abandon(frame);
        throw error;
      }
    },
  (raw, about) =>
    function (x) {
      if (arguments.length !== 1) return raw.apply(undefined, arguments); // which complains
      const frame = begin(about);
      try {
        const result = raw(x);
        end(frame, about);
        return result;
      } catch (error) {
        abandon(frame);
        throw error;
      }
    },
  (raw, about) =>
    function (x, y) {
      if (arguments.length !== 2) return raw.apply(undefined, arguments); // which complains
      const frame = begin(about);
      try {
        const result = raw(x, y);
        end(frame, about);
        return result;
      } catch (error) {
        abandon(frame);
        throw error;
      }
    },
  (raw, about) =>
    function (x, y, z) {
      if (arguments.length !== 3) return raw.apply(undefined, arguments); // which complains
      const frame = begin(about);
      try {
        const result = raw(x, y, z);
        end(frame, about);
        return result;
      } catch (error) {
        abandon(frame);
        throw error;
      }
    },
  (raw, about) =>
    function (x, y, z, w) {
      if (arguments.length !== 4) return raw.apply(undefined, arguments); // which complains
      const frame = begin(about);
      try {
        const result = raw(x, y, z, w);
        end(frame, about);
        return result;
      } catch (error) {
        abandon(frame);
        throw error;
      }
    },
];

const anyForm = (raw, about) =>
  function (...args) {
    const frame = begin(about);
    try {
      const result = raw(...args);
      end(frame, about);
      return result;
    } catch (error) {
      abandon(frame);
      throw error;
    }
  };

/** `raw`, a function of `count` arguments or of any number, with what its calls allocate counted: see begin() for `about`. */
function counted(raw, count, about) {
  open();
  const form = (forms[count] ?? anyForm)(raw, about);
  Object.defineProperty(form, 'name', { value: raw.name, configurable: true });
  Object.defineProperty(form, 'length', { value: raw.length, configurable: true });
  return form;
}

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

module.exports = { counted, noting, unmarked };
