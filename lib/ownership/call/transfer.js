'use strict';
// The arguments of one call whose ownership may move: what the FFI gets, and what happens to the owners when
// the call is done or has failed.

const { access, transfer } = require('../../pointers/tracked-pointer');
const { ArgumentTypeError } = require('../../support/errors');

function boxOf(value, where) {
  if (value === null || value === undefined) return null;
  if (!Array.isArray(value) || value.length < 1) {
    throw new ArgumentTypeError(
      value,
      where,
      'an array of one element for each pointer that C stores, or null',
    );
  }
  return value;
}

class Transfer {
  #plan;
  #given = []; // [pointer, address, freed] of each that C takes

  /** REQUIRES: `args` are as many as `plan` has parameters, or more for a variadic function. */
  constructor(plan, converts, args) {
    const { params } = plan;
    this.#plan = plan;
    this.values = args.slice();
    for (let i = 0; i < args.length; i++) {
      const convert = i < converts.length ? converts[i] : access.lendUndeclared;
      if (convert !== null) this.values[i] = convert(args[i]);
    }
    try {
      for (let i = 0; i < params.length; i++) this.#give(params[i], args[i], i);
    } catch (error) {
      this.refused();
      throw error;
    }
  }

  #give(param, value, i) {
    if (param === null) return;
    if (param.role === 'borrow' || param.role === 'consume') {
      if (!access.isTracked(value)) return;
      const freed = this.#plan.frees(access.kindOf(value).destructor, i);
      if (freed || param.role === 'consume') this.#giveAway(value, freed);
      return;
    }
    const box = boxOf(value, `argument ${i}`);
    if (box === null) return;
    const held = param.role === 'inout' ? Array.from(box) : new Array(box.length).fill(null);
    this.values[i] = param.box(held.map(param.convert));
    for (const each of held) {
      if (!access.isTracked(each)) continue;
      const { destructor } = access.kindOf(each);
      this.#giveAway(each, this.#plan.frees(destructor, i, destructor.placeAt));
    }
  }

  #giveAway(pointer, freed) {
    const address = access.addressOf(pointer);
    transfer.begin(pointer);
    this.#given.push([pointer, address, freed]);
  }

  /** Whether there is anything whose owner depends on how the call ends. */
  get moves() {
    return this.#given.length > 0;
  }

  /** The FFI refused an argument: C had nothing. */
  refused() {
    for (const [pointer, address] of this.#given) transfer.rollBack(pointer, address);
  }

  /** C has what it takes, and has returned `result`. */
  taken(result) {
    for (const [pointer, address, freed] of this.#given) transfer.conclude(pointer, address, freed, result);
  }

  /**
   * Tracks what C has stored, if it is `given`: otherwise it has no owner. `taken` says whether C took what was there before.
   * Returns the errors; one does not keep the others from being tracked.
   */
  collect(args, given, taken) {
    const errors = [];
    const { params } = this.#plan;
    for (let i = 0; i < params.length; i++) {
      const { role, producer } = params[i] ?? {};
      if ((role !== 'out' && role !== 'inout') || boxOf(args[i]) === null) continue;
      const stored = this.values[i];
      for (let j = 0; j < stored.length; j++) {
        try {
          const left = taken ? undefined : this.#left(stored[j]);
          if (left !== undefined) {
            if (args[i][j] !== left) args[i][j] = left;
            continue;
          }
          // First the owner, then the box, which may be frozen: then the pointer is garbage, not lost.
          const pointer = given ? producer.produce(stored[j], args) : producer.plain(stored[j]);
          args[i][j] = pointer;
        } catch (error) {
          errors.push(error);
        }
      }
    }
    return errors;
  }

  /** The pointer at `stored` among those that C was to take and has not. */
  #left(stored) {
    const found = this.#plan.source.addressOf(stored);
    return this.#given.find(([, address]) => address === found)?.[0];
  }
}

module.exports = { Transfer };
