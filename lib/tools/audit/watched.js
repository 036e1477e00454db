'use strict';
// What the audit and the profile do to functions and libraries alike.

const { tryToMeter } = require('../../ownership/size/metering');

/** Has libraries counted when the first of their functions is declared. */
class Metering {
  #onLibrary;
  #problems = new Map(); // by library: why it is not counted, or undefined

  /** `onLibrary()` looks for addons that were loaded since. */
  constructor(onLibrary) {
    this.#onLibrary = onLibrary;
  }

  problemOf({ file, deep }) {
    const key = `${file}\n${deep}`;
    if (!this.#problems.has(key)) {
      this.#onLibrary();
      this.#problems.set(key, tryToMeter(file, deep));
    }
    return this.#problems.get(key);
  }
}

/** `call`, which looks like `func` of Koffi, and has `callAsync` where that has such a form. */
function standIn(func, call, callAsync) {
  Object.defineProperties(call, {
    name: { value: func.name, configurable: true },
    length: { value: func.length, configurable: true },
  });
  call.info = func.info;
  if (typeof func.async === 'function') call.async = callAsync;
  return call;
}

module.exports = { Metering, standIn };
