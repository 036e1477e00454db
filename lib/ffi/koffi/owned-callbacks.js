'use strict';
// Callbacks whose prototypes say who owns what: what C passes to them it gives, what they return it takes.

const calls = require('../../books/c-calls');
const { consuming } = require('../../ownership/call/arguments');
const { isAny } = require('../../ownership/declare/owned-type');
const { isMemory } = require('../../pointers/kept');
const { access, transfer } = require('../../pointers/tracked-pointer');
const { ArgumentTypeError, UnsupportedError } = require('../../support/errors');
const { describe, pointee, protoOf } = require('./dialect');
const { noteThrow } = require('./memory');

// What C would have of a callback that throws, and Koffi takes; undefined where that cannot be told.
function nothingOf({ integer, invalid, struct }) {
  if (integer === undefined) return struct === undefined ? null : undefined;
  return invalid?.value === undefined ? undefined : integer.told(invalid.value);
}

// The same where it takes a plain result.
function plainNothing(primitive) {
  if (/^(U?Int|Float)/.test(primitive)) return 0;
  if (primitive === 'Bool') return false;
  return /^(Void|Pointer|String)/.test(primitive) ? null : undefined;
}

// Whether Koffi gives C the result: it throws at what it does not take, and C has whatever was there. Of what is no integer it
// would make one.
function isPassed(result, { base, integer }) {
  if (access.isTracked(result) || typeof result === 'bigint' || Number.isInteger(result)) return true;
  if (integer !== undefined) return false;
  return (result ?? null) === null || isMemory(result) || (typeof result === 'string' && isAny(base));
}

// For C it is as an argument that a function takes.
function give(convert, result, owned) {
  if (!isPassed(result, owned)) {
    throw new ArgumentTypeError(result, 'the result of a callback', `a pointer (${owned.name})`);
  }
  const address = convert(result);
  if (access.isTracked(result)) {
    transfer.begin(result);
    transfer.commit(result, false);
  }
  return address;
}

// Nobody would know how long C uses it.
function refuseTracked(result, name) {
  if (!access.isTracked(result)) return result;
  throw new UnsupportedError(
    `A callback (${name}) that returns a plain pointer cannot return a tracked one (${result.label}): declare it to return ` +
      `'${result.label}' where C takes that, or return its 'address' and keep it`,
  );
}

// What C has given is tracked, each, before the callback sees any: where one cannot be, it and the others are freed.
function produceAll(producers, args) {
  const values = args.slice();
  const failures = [];
  producers.forEach((producer, i) => {
    if (producer === null) return;
    try {
      values[i] = producer.produce(args[i], args);
    } catch (error) {
      failures.push(error);
      values[i] = null;
    }
  });
  if (failures.length === 0) return values;
  for (const value of values) if (access.isTracked(value)) value.dispose();
  throw failures[0];
}

let call = null; // the innermost for which errors of such callbacks are kept, as { failed, error }

/**
 * What calls `func`, and then throws what a callback has thrown whose result C takes. C has had what nothingOf() says: had
 * Koffi seen the error, C would have taken whatever was there.
 */
function throwingLater(func) {
  const later = function (...args) {
    const outer = call;
    const own = (call = { failed: false, error: undefined });
    let result;
    try {
      result = func(...args);
    } finally {
      call = outer;
    }
    if (own.failed) throw own.error;
    return result;
  };
  for (const key of ['name', 'length']) Object.defineProperty(later, key, { value: func[key] });
  return Object.assign(later, { async: func.async });
}

// Where nobody waits for it, it is an error of the program; of a destructor, it is announced.
function throwLater(error) {
  if (calls.isDestroying) noteThrow(error);
  else if (call === null)
    queueMicrotask(() => {
      throw error;
    });
  else if (!call.failed) Object.assign(call, { failed: true, error });
}

/**
 * What makes of a JavaScript function one for C, as the callback type `type` says; undefined where that says nothing of
 * ownership. Pointers are freed where `source` says.
 */
function ownedCallback(koffi, registry, source, type) {
  if (!registry.ownsAny) return undefined;
  const { name } = describe(koffi, type);
  const proto = protoOf(koffi, type);
  if (proto === undefined) return undefined;
  const ownedBy = (part) => registry.get(describe(koffi, part.type ?? part).name);
  const given = proto.arguments.map(ownedBy);
  const taken = ownedBy(proto.result);
  const returned = taken === undefined ? pointee(koffi, proto.result)?.name : undefined;
  const mayLose = returned !== undefined && registry.mayLend(returned);
  if (taken === undefined && !mayLose && given.every((owned) => owned === undefined)) return undefined;
  if (taken !== undefined && koffi.type === undefined) {
    throw new UnsupportedError(`Koffi 2 takes no pointer that a callback (${name}) returns: use Koffi 3`);
  }
  const nothing = taken ? nothingOf(taken) : plainNothing(describe(koffi, proto.result).primitive);
  if (taken !== undefined && nothing === undefined) {
    const what = taken.struct === undefined ? `say what is 'invalid' as '${taken.name}'` : 'return a pointer';
    throw new UnsupportedError(
      `Cannot tell what C gets from a callback (${name}) that throws instead of returning '${taken.name}': ${what}`,
    );
  }
  const producers = given.map((owned) => (owned === undefined ? null : source.producerOf(owned)));
  const convert = taken === undefined ? null : consuming(`the result of a callback (${name})`, taken);
  const pass = (result) => {
    if (convert !== null) return give(convert, result, taken);
    return mayLose ? refuseTracked(result, name) : result;
  };
  // Koffi calls no JavaScript any more where one has thrown: what C goes on to give would be nobody's.
  const isGiven = nothing !== undefined && producers.some((producer) => producer !== null);
  const gives = convert !== null || mayLose || isGiven;
  const passLater = (ask) => {
    try {
      return pass(ask());
    } catch (error) {
      throwLater(error);
      return nothing ?? null;
    }
  };
  const owning = (callback) =>
    function (...args) {
      const ask = () => callback.apply(this, produceAll(producers, args));
      if (convert !== null || (isGiven && call !== null)) return passLater(ask);
      const result = ask(); // an error of its own is Koffi's
      return mayLose ? passLater(() => result) : result;
    };
  return Object.assign(owning, { gives });
}

module.exports = { ownedCallback, throwingLater };
