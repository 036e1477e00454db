'use strict';
// Functions of JavaScript that C goes on calling after the call by which it has got them: they are registered. The declaration
// says what keeps them, or that C calls them once.

const { setImmediate } = require('node:timers');
const binding = require('../../binding');

// What is registered is kept by what it calls, and C has returned from it when the next turn begins.
function registerOnce(callback, register) {
  const pointer = register(function (...args) {
    try {
      return callback.apply(this, args);
    } finally {
      setImmediate(() => pointer.dispose());
    }
  });
  return pointer;
}

const unregister = (made) => made?.forEach((pointer) => pointer.dispose());

/** The calls of one function that is given functions which C keeps. */
class Registering {
  #registered;
  #count; // of parameters
  #refuses;
  #made = null; // the pointers registered for the call that is about to begin, which C has not had

  constructor({ params, registered }, refuses) {
    this.#registered = registered;
    this.#count = params.length;
    this.#refuses = refuses;
  }

  #begin() {
    const made = this.#made;
    this.#made = null;
    return made;
  }

  /** `raw`, which is C's, and tells here when C has what it is given. */
  reaching(raw) {
    const reached = (...args) => {
      const made = this.#begin();
      try {
        return raw(...args);
      } catch (error) {
        if (made !== null && this.#refuses(args, error)) this.#made = made;
        throw error;
      }
    };
    if (typeof raw.async === 'function') reached.async = (...args) => this.#callAsync(raw, args);
    return Object.defineProperties(reached, {
      name: { value: raw.name, configurable: true },
      length: { value: raw.length, configurable: true },
    });
  }

  #callAsync(raw, args) {
    let made = this.#begin();
    const callback = args.pop();
    const finished = (error, result) => {
      try {
        return callback(error, result);
      } finally {
        if (error) unregister(made); // C has not begun
        made = null; // the FFI keeps this for some time yet
      }
    };
    try {
      return raw.async(...args, typeof callback === 'function' ? finished : callback);
    } catch (error) {
      if (made !== null && binding.isAlive()) unregister(made); // or the callback has thrown
      throw error;
    }
  }

  /** `func`, which calls what reaching() has returned, with registered functions: those that C has never had are so no more. */
  around(func) {
    const registering =
      (run, count) =>
      (...args) => {
        if (args.length < count) return run(...args); // which complains
        const made = (this.#made = []);
        try {
          for (const { at, register, isOnce } of this.#registered) {
            if (typeof args[at] !== 'function') continue;
            args[at] = isOnce ? registerOnce(args[at], register) : register(args[at]);
            made.push(args[at]);
          }
          return run(...args);
        } finally {
          if (this.#made === made) unregister(made);
          this.#made = null;
        }
      };
    const wrapped = registering(func, this.#count);
    if (func.async !== undefined) wrapped.async = registering(func.async, this.#count + 1);
    return wrapped;
  }
}

module.exports = { Registering };
