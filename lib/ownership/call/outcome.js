'use strict';
// What is to be done with everything that a call has returned, in the general case.

const { access } = require('../../pointers/tracked-pointer');
const { aside, decide } = require('../size/counting');

const RESULT = -1; // in place of the number of an argument

/** What to watch in a call with these arguments: see AllocationDelta. */
function deltasOf(plan, args) {
  const deltas = new Set(plan.watched.flatMap((measure) => measure.deltas()));
  const pointer = plan.resized === undefined ? undefined : args[plan.resized];
  if (access.isTracked(pointer) && !pointer.disposed) {
    const { type } = access.kindOf(pointer);
    const delta = type === null ? null : (plan.source.producerOf(type).measure.way?.delta ?? null);
    if (delta !== null) deltas.add(delta);
  }
  return [...deltas];
}

/** Measures again the argument that the call may have changed. */
function remeasure(plan, args) {
  const pointer = args[plan.resized];
  if (!access.isTracked(pointer) || pointer.disposed) return;
  const { type } = access.kindOf(pointer);
  if (type !== null) plan.source.producerOf(type).remeasure(pointer);
}

/** Returns what `predicate` says of the call, undefined where it cannot tell. */
function ask(predicate, plan, result, args, errors) {
  if (predicate === undefined) return true;
  try {
    return aside(() => predicate(plan.producer === null ? result : plan.producer.told(result), args));
  } catch (error) {
    errors.push(error);
    return undefined;
  }
}

/** Passes on what C has filled: see filling(). What cannot be is no reason to stop. */
function passOn({ inside }, values, args, errors) {
  for (const at of new Set(inside.map((place) => place.at))) {
    if (at === RESULT || values[at] === null) continue;
    try {
      Object.assign(args[at], values[at]);
    } catch (error) {
      errors.push(error);
    }
  }
}

// On Node 18 what an FFI has filled stays until the job ends, and in a loop the owners in there would.
function letGo({ inside }, values) {
  for (const { at } of inside) {
    const filled = values[at] ?? {};
    if (Array.isArray(filled)) filled.length = 0;
    else for (const key of Object.keys(filled)) filled[key] = undefined;
  }
}

/**
 * Tracks the owned members of structs, and puts them in the place of what the FFI has read, in the result or, if C has
 * `stored` them, in `values`.
 */
function ownInside({ inside, replaceAt }, stored, result, values, args, errors) {
  for (const { at, path, producer } of inside) {
    if (at !== RESULT && !stored) continue;
    const told = at === RESULT ? [...args, result] : args;
    const own = (found) => {
      try {
        return producer.produce(found, told);
      } catch (error) {
        errors.push(error);
        return null;
      }
    };
    for (const value of at === RESULT ? [result] : [values[at]].flat()) replaceAt(value, path, own);
  }
}

/**
 * Tracks all that C gave, and returns the result; `moving` is what takeMoving() has returned. Whatever goes wrong with one part,
 * the others are tracked; then the first error is thrown.
 */
function complete(plan, transfer, result, args, moving) {
  const errors = [];
  const { values } = transfer;
  const fills = plan.inside.length > 0;
  if (fills) passOn(plan, values, args, errors);
  const taken = ask(plan.takes, plan, result, args, errors) !== false;
  const given = ask(plan.gives, plan, result, args, errors);
  // Where nobody can tell, the caller has what C has stored, to free it or not. Of a result nobody would know.
  const stored = given === true;
  // Destructors may run in there.
  aside(() => (taken ? transfer.taken(result, transfer.findLeft()) : transfer.refused()));
  try {
    if (moving !== null) decide(moving, taken);
  } catch (error) {
    errors.push(error);
  }
  errors.push(...transfer.collect(args, stored, taken));
  if (given !== false && fills) {
    ownInside(plan, stored, result, values, args, errors);
    if (stored) passOn(plan, values, args, errors); // the owners
    letGo(plan, values);
  }
  let value = result;
  try {
    if (plan.producer !== null) {
      value = given !== false ? plan.producer.produce(result, args) : plan.producer.plain(result);
    }
  } catch (error) {
    errors.push(error);
  }
  try {
    if (plan.resized !== undefined) remeasure(plan, args);
  } catch (error) {
    errors.push(error);
  }
  if (errors.length > 0) throw errors[0];
  return value;
}

module.exports = { RESULT, complete, deltasOf };
