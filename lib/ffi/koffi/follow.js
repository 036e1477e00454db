'use strict';
// What takes pointers takes tracked ones, too, and which these may be a program says at any time: such a function means what
// the types that are owned when it is called say, and not only those that were when it was declared.

const { meanings } = require('../../books/kinds');
const { writeForward } = require('../../ownership/call/written');
const { needRoom } = require('../../support/stack');
const { argumentsOf, describe } = require('./dialect');
const { owning } = require('./plan');

const SCALAR = /^(U?Int|Float|Bool|String|Void)/;

/** Whether tracked pointers may be arguments of `raw` some day. Integers are only where they are owned already. */
const mayTake = (koffi, raw, variadic) =>
  variadic || argumentsOf(raw).some(({ type }) => !SCALAR.test(describe(koffi, type).primitive));

// Koffi's own .async does not keep the buffers that it is given alive until the call is done.
function pinArguments(raw) {
  const { async } = raw;
  raw.async = function (...args) {
    const callback = args[args.length - 1];
    if (typeof callback !== 'function') return async.apply(this, args);
    const pinned = args.slice(0, -1);
    args[args.length - 1] = function (...results) {
      pinned.length = 0;
      return callback.apply(this, results);
    };
    return async.apply(this, args);
  };
}

/** What to call in place of Koffi's own function. */
class Following {
  version = -1; // of meanings, in which `func` is right
  func = null;
  #koffi;
  #registry;
  #raw;
  #ask;
  #plan;
  #planned = meanings.version;
  #resets;
  #isPinned = false;

  constructor(koffi, registry, raw, ask) {
    this.#koffi = koffi;
    this.#registry = registry;
    this.#raw = raw;
    this.#ask = ask;
    this.#plan = ask();
    this.#resets = registry.resets;
  }

  /** Makes `func` right, and returns it. */
  renew() {
    const { version } = meanings;
    if (this.version === version) return this.func;
    needRoom(); // where the stack is full, regular expressions and Koffi fail in ways of their own
    // Koffi has forgotten its types where it was reset.
    if (this.#planned !== version && this.#registry.resets === this.#resets) {
      this.#plan = this.#ask(this.#plan);
      this.#planned = version;
      this.func = null;
    }
    this.func ??= owning(this.#koffi, this.#plan === null ? this.#pinned() : this.#raw, this.#plan);
    this.version = version;
    return this.func;
  }

  #pinned() {
    if (!this.#isPinned && typeof this.#raw.async === 'function') pinArguments(this.#raw);
    this.#isPinned = true;
    return this.#raw;
  }
}

/** The function that users call in place of `raw`, which may take tracked pointers. `ask(before)` returns its plan. */
function follow(koffi, registry, raw, ask) {
  const following = new Following(koffi, registry, raw, ask);
  const func = writeForward(raw, following);
  if (raw.async !== undefined) func.async = (...args) => following.renew().async(...args);
  func.info = raw.info;
  return func;
}

module.exports = { follow, mayTake };
