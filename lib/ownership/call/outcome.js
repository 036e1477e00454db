'use strict';
// What is to be done with everything that a call has returned, in the general case.

const { access } = require('../../pointers/tracked-pointer');

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

/** Returns what `predicate` says of the call, `otherwise` where it cannot tell. */
function ask(predicate, otherwise, plan, result, args, errors) {
  if (predicate === undefined) return true;
  try {
    const address = plan.producer === null ? result : plan.source.addressOf(result) || null;
    return predicate(address, args);
  } catch (error) {
    errors.push(error);
    return otherwise;
  }
}

/**
 * Tracks all that C gave, and returns the result. Whatever goes wrong with one part, the others are
 * tracked; then the first error is thrown.
 */
function complete(plan, transfer, result, args) {
  const errors = [];
  const taken = ask(plan.takes, true, plan, result, args, errors);
  const given = ask(plan.gives, false, plan, result, args, errors);
  if (taken) transfer.taken(result);
  else transfer.refused();
  errors.push(...transfer.collect(args, given, taken));
  let value = result;
  try {
    if (plan.producer !== null) {
      value = given ? plan.producer.produce(result, args) : plan.producer.plain(result);
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

module.exports = { complete, deltasOf };
