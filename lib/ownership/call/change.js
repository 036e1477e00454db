'use strict';
// What C may change of what it is given, a struct, a list of pointers, or several: C gets a copy with addresses. A pointer that
// is there after the call is what it was. At an owned place C takes what is gone, and gives what is new.

const { types } = require('node:util');
const binding = require('../../binding');
const { access } = require('../../pointers/tracked-pointer');
const { borrowing, consuming } = require('./arguments');

const { asUintN } = BigInt;

const isChangeable = (value) =>
  typeof value === 'object' &&
  value !== null &&
  !access.isTracked(value) &&
  !ArrayBuffer.isView(value) &&
  !types.isAnyArrayBuffer(value) &&
  !types.isExternal(value);

function addressOf(value) {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return asUintN(64, BigInt(value));
  return binding.externalAddress(value);
}

/**
 * How tracked pointers come and go at `places`, [{ path, owned, param, isInteger }], of the argument `where` of type
 * `base *`, which `copy` copies.
 */
class Changes {
  #copy;
  #places;
  #replaceAt;

  constructor({ base, places, copy }, where, { producerOf, replaceAt }) {
    this.#copy = copy;
    this.#replaceAt = replaceAt;
    this.borrow = borrowing(where, { base });
    this.#places = places.map((place) => ({
      ...place,
      producer: place.owned && producerOf(place.owned),
      convert: place.owned ? consuming(where, place.owned) : (value) => access.lend(value, place.param),
    }));
  }

  get producers() {
    return this.#places.map(({ producer }) => producer).filter((producer) => producer !== undefined);
  }

  /** Puts `own(found, place)` in the place of all that is found in `list`. */
  replace(list, own) {
    for (const place of this.#places) {
      const { path } = place;
      list.forEach((value, i) => {
        if (path.length === 0) list[i] = own(value, place);
        else this.#replaceAt(value, path, (found) => own(found, place));
      });
    }
  }

  /** What C gets in the place of `value`, which may say something else when it is asked again. */
  copyOf(value) {
    return Array.isArray(value) ? value.map(this.#copy) : this.#copy(value);
  }

  /** Calls `see` for what is in a copy, with whether C may take it. */
  each(copy, see) {
    if (!isChangeable(copy)) return void see(copy, false);
    const list = Array.isArray(copy) ? copy : [copy];
    this.replace(list, (found, { owned }) => (see(found, owned !== undefined), found));
  }
}

/** `args`, with copies of those that a call of `plan` may change, or in which there may be pointers. */
function copied({ params }, args) {
  return args.map((value, i) => (params[i]?.changes ?? params[i]?.shape)?.copyOf(value) ?? value);
}

// C may have freed what it was given, and have got something of another type at its address. What lives is where it is.
function isSame({ was, name, place: before }, place) {
  const { owned, param, isInteger } = place;
  if (owned !== undefined && owned.name === name) return true;
  if (!access.isTracked(was) || was.disposed) return false;
  if (isInteger || before.isInteger) return place === before; // another place has other integers
  const { type } = access.kindOf(was);
  return owned !== undefined || type === null || param.accepts(type);
}

/** What was in all that one call may change. */
class Known {
  #at = new Map(); // lists, by address

  add(passed, was, place) {
    const isTracked = access.isTracked(was);
    if (passed === null || !(isTracked || place.owned)) return;
    const name = place.owned?.name ?? access.kindOf(was).type?.name;
    const address = addressOf(passed);
    const there = this.#at.get(address);
    if (there === undefined) this.#at.set(address, [{ was, name, place }]);
    else there.push({ was, name, place });
  }

  /** What `found` was before the call; undefined for what is new in that place. */
  find(found, place) {
    if (found === null) return undefined;
    return this.#at.get(addressOf(found))?.find((each) => isSame(each, place))?.was;
  }
}

/** One argument of one call. */
class Change {
  #changes;
  #values;
  #known;

  /** What C may take, to be given away once all is converted. */
  taken = [];

  /** `copy` is what C gets; `known` is that of the call. */
  constructor(changes, copy, known) {
    this.#changes = changes;
    this.#known = known;
    this.#values = Array.isArray(copy) ? copy : [copy];
    changes.replace(this.#values, (was, place) => {
      const passed = place.convert(was);
      if (place.owned && access.isTracked(was)) this.taken.push(was);
      known.add(passed, was, place);
      return passed;
    });
  }

  /** Adds to `left` the tracked pointers that C has left where it may take them. */
  findLeft(left) {
    this.#changes.replace(this.#values, (found, place) => {
      if (place.owned) left.add(this.#known.find(found, place));
      return found;
    });
  }

  /**
   * Puts what C has left into `value`: what was there, and `own(found, producer)` for what is new where C gives. Adds to
   * `errors`: one does not keep the others from being tracked.
   */
  finish(value, own, errors) {
    const attempt = (what) => {
      try {
        return what();
      } catch (error) {
        errors.push(error);
        return null;
      }
    };
    this.#changes.replace(this.#values, (found, place) => {
      const { owned, producer } = place;
      const was = this.#known.find(found, place);
      if (was === undefined) return found === null || !producer ? found : attempt(() => own(found, producer));
      // It may be another one at that address.
      const isMeasured = owned !== undefined && access.isTracked(was) && !was.disposed;
      if (isMeasured && access.kindOf(was).type?.name === owned.name)
        attempt(() => producer.remeasureAt(was));
      return was;
    });
    const all = Array.isArray(value) ? value : [value];
    this.#values.forEach((each, i) => {
      attempt(() => {
        if (isChangeable(all[i]) && isChangeable(each)) Object.assign(all[i], each);
        else if (all[i] !== each) all[i] = each;
      });
    });
    this.#letGo();
  }

  // On Node 18 the FFI keeps what it has filled until the job ends.
  #letGo() {
    for (const each of this.#values) {
      if (isChangeable(each) && !Array.isArray(each))
        for (const key of Object.keys(each)) each[key] = undefined;
    }
    this.#values.length = 0;
  }
}

module.exports = { Change, Changes, Known, copied, isChangeable };
