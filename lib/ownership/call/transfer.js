'use strict';
// The arguments of one call whose ownership may move: what the FFI gets, and what happens to the owners when
// the call is done or has failed.

const { access, transfer } = require('../../pointers/tracked-pointer');
const { ArgumentTypeError, GivenTwiceError } = require('../../support/errors');
const { forgetArguments, note } = require('../size/counting');
const { Change, Known, isChangeable } = require('./change');
const { refuseFreedInside } = require('./freed');

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
  #args; // until they are converted: the FFI may reach this for some time after the call
  #freedAt;
  #given = []; // [pointer, address, freed, i] of each that C takes
  #changed = []; // [i, Change] of each argument that C may change

  /**
   * The call frees the argument `freedAt`. REQUIRES: `args`, as copied() returns them, are as many as `plan` has
   * parameters, or more for a variadic function.
   */
  constructor(plan, converts, args, freedAt) {
    this.#args = args;
    this.#freedAt = freedAt;
    const { params } = plan;
    this.#plan = plan;
    plan.checkRest?.(args);
    this.values = args.slice();
    forgetArguments();
    for (let i = 0; i < args.length; i++) {
      const convert = i < converts.length ? converts[i] : access.lendUndeclared;
      if (convert !== null) this.values[i] = convert(args[i]);
    }
    const known = new Known();
    for (let i = 0; i < params.length; i++) {
      if (params[i]?.role === 'change') this.#change(params[i].changes, args[i], i, known);
    }
    try {
      for (const [i, { taken }] of this.#changed) for (const each of taken) this.#giveAway(each, false, i);
      for (let i = 0; i < params.length; i++) this.#give(params[i], args[i], i);
    } catch (error) {
      this.refused();
      throw error;
    } finally {
      this.#args = null;
    }
  }

  #give(param, value, i) {
    if (param === null || param.role === 'fill') return;
    if (param.role === 'borrow' || param.role === 'consume' || param.role === 'change') {
      if (!access.isTracked(value)) return;
      const freed = i === this.#freedAt;
      if (freed || param.role === 'consume') this.#giveAway(value, freed, i);
      return;
    }
    const box = boxOf(value, `argument ${i}`);
    if (box === null) return;
    const held = param.role === 'inout' ? Array.from(box) : new Array(box.length).fill(null);
    for (const each of held) this.#refuseGiven(each, i);
    this.values[i] = param.box(held.map(param.convert));
    for (const each of held) {
      if (!access.isTracked(each)) continue;
      note(each, true);
      const { destructor } = access.kindOf(each);
      this.#giveAway(each, this.#plan.frees(destructor, i, destructor.placeAt), i);
    }
  }

  #change(changes, value, i, known) {
    if (!isChangeable(value)) return;
    refuseFreedInside(this.#plan, value, i, `argument ${i} of ${this.#plan.name}()`);
    this.#changed.push([i, new Change(changes, value, known)]);
  }

  #giveAway(pointer, freed, i) {
    const address = access.addressOf(pointer);
    this.#refuseGiven(pointer, i);
    try {
      transfer.begin(pointer);
    } catch (error) {
      const other = this.#args.findIndex((value, j) => i !== j && this.#isIn(j, value, pointer));
      throw other < 0 ? error : new GivenTwiceError(pointer.label, this.#plan.name, i, other);
    }
    this.#given.push([pointer, address, freed, i]);
  }

  #refuseGiven(pointer, i) {
    const given = this.#given.find(([each]) => each === pointer);
    if (given !== undefined) throw new GivenTwiceError(pointer.label, this.#plan.name, i, given.at(-1));
  }

  /** Whether `value`, the argument `i`, is `pointer`, or has that inside. */
  #isIn(i, value, pointer) {
    const inside = this.#plan.params[i]?.changes ?? this.#plan.params[i]?.shape;
    let isThere = value === pointer;
    inside?.each(value, (each) => (isThere ||= each === pointer));
    return isThere;
  }

  /** Whether there is anything whose owner depends on how the call ends. */
  get moves() {
    return this.#given.length > 0;
  }

  /** The FFI refused an argument: C had nothing. */
  refused() {
    for (const [pointer, address] of this.#given) transfer.rollBack(pointer, address);
  }

  /** C has what it takes, and has returned `result`; it has not taken what it has `left`, a Set. */
  taken(result, left) {
    for (const [pointer, address, freed] of this.#given) {
      if (left?.has(pointer)) transfer.rollBack(pointer, address);
      else transfer.conclude(pointer, address, freed, result);
    }
  }

  /** What C has left where it was, of what it may take. */
  findLeft() {
    const left = new Set();
    for (const [, change] of this.#changed) change.findLeft(left);
    return left;
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
      if ((role !== 'out' && role !== 'inout') || (args[i] ?? null) === null) continue; // or an array, whatever is left of it
      const stored = params[i].stored(this.values[i]);
      for (let j = 0; j < stored.length; j++) {
        try {
          const left = this.#left(producer.addressOf(stored[j]), taken);
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
    for (const [i, change] of this.#changed) {
      const own = (found, producer) => (given ? producer.produce(found, args) : producer.plain(found));
      change.finish(args[i], own, errors);
    }
    return errors;
  }

  // The pointer to `found` among those that C was to take and has not; null for one that C has freed, and left there.
  #left(found, taken) {
    const [pointer] = this.#given.find(([, address, freed]) => address === found && (freed || !taken)) ?? [];
    return pointer?.disposed ? null : pointer;
  }
}

module.exports = { Transfer };
