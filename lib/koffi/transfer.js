'use strict';
// The arguments of one call whose ownership may move: what Koffi gets, and what happens to the owners when
// the call is done or has failed.

const calls = require('../calls');
const { ArgumentTypeError } = require('../errors');
const { internals } = require('../tracked-pointer');

// Callbacks given inline are counted, so that an error thrown by one is known to come after C had its
// arguments.
function counted(value) {
  return typeof value === 'function'
    ? function (...args) {
        calls.callbacks++;
        return value.apply(this, args);
      }
    : value;
}

function box(value, where) {
  if (value === null) return null;
  if (!Array.isArray(value) || value.length < 1) {
    throw new ArgumentTypeError(value, where, 'an array of one element to store the pointer in, or null');
  }
  return value;
}

class Transfer {
  constructor(params, converts, args) {
    this.values = args.slice();
    this.params = params;
    this.given = []; // [pointer, address] of each that C takes
    this.callbacks = calls.callbacks;
    const moves = params.some((param) => param !== null && param.role !== 'borrow');
    for (let i = 0; i < args.length; i++) {
      const convert = i < converts.length ? converts[i] : null;
      if (convert !== null) this.values[i] = convert(args[i]);
      else if (i >= converts.length && internals.isTracked(args[i])) this.values[i] = args[i].address;
      else if (moves) this.values[i] = counted(args[i]);
    }
    try {
      for (let i = 0; i < params.length; i++) this.#give(params[i], args[i], i);
    } catch (error) {
      this.#takeBack();
      throw error;
    }
  }

  #give(param, value, i) {
    if (param === null || param.role === 'borrow') return;
    if (param.role === 'consume') {
      if (internals.isTracked(value)) this.#giveAway(value);
      return;
    }
    const store = box(value, `argument ${i}`);
    if (store === null) return;
    const [held] = store;
    let address = null;
    if (param.role === 'inout') address = internals.isTracked(held) ? this.#giveAway(held) : held;
    this.values[i] = [address];
  }

  #giveAway(pointer) {
    const address = internals.addressOf(pointer);
    internals.giveAway(pointer);
    this.given.push([pointer, address]);
    return address;
  }

  #takeBack() {
    for (const [pointer, address] of this.given) internals.takeBack(pointer, address);
  }

  #givenAway() {
    for (const [pointer] of this.given) internals.givenAway(pointer, false);
  }

  /** The call threw: either Koffi refused an argument and C had nothing, or a callback threw. */
  failed() {
    if (calls.callbacks === this.callbacks) this.#takeBack();
    else this.#givenAway();
  }

  /** C has what it takes, and has stored what it gives. */
  done(args) {
    this.#givenAway();
    for (let i = 0; i < this.params.length; i++) {
      const param = this.params[i];
      if (param?.producer === undefined || args[i] === null) continue;
      args[i][0] = param.producer.produce(this.values[i][0], args);
    }
  }
}

module.exports = { Transfer };
