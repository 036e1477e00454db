'use strict';
// Reads out of a function that Koffi has declared what ownership means for it. A function that has nothing to
// do with ownership has no plan.

const { checkOutcome } = require('../../ownership/declare/depends-on-outcome');
const { isOfResult } = require('../../ownership/declare/keeps');
const { checkMeasured } = require('../../ownership/declare/lengths');
const { checkNamed, checkReenters, readOptions } = require('../../ownership/declare/one-off');
const { RESULT, makePlan, neededBy } = require('../../ownership/declare/plan');
const { wrap } = require('../../ownership/call/wrap');
const { UnsupportedError } = require('../../support/errors');
const { argumentsOf, describe, integerBase, pointee, symbolAddress } = require('./dialect');
const { throwingLater } = require('./owned-callbacks');
const { makeRefusal } = require('./refusal');
const { refuseFreedAtOnce, refuseMarked, refuseOwnedInside, roleOf, stringsIn } = require('./roles');
const { ownedPlaces, replaceAt, resultBase } = require('./structs');

const GIVEN = ['out', 'inout', 'change'];
const DIRECTION = /^\s*(_In_|_Out_|_Inout_)\b/;
const NAMED = { _In_: 'in', _Out_: 'out', _Inout_: 'inout' };

/** The parameters of a prototype as they are written. */
function parametersIn(definition) {
  return definition.slice(definition.indexOf('(') + 1, definition.lastIndexOf(')')).split(',');
}

// Koffi 2 does not tell directions, so they are read from the prototype.
const directionIn = (text) => NAMED[DIRECTION.exec(text)?.[1]] ?? 'in';

// Whether what `option` means may come there, if not a pointer to what is owned by now: a callback has no size, and keeps
// nothing. Of what is a string, or what C stores, C gets a passing copy.
function mayCome(koffi, type, direction, option) {
  if (direction !== 'in') return false;
  if (describe(koffi, type).primitive === 'Callback') return option === 'keeps' || option === 'parent';
  return pointee(koffi, type) !== undefined;
}

// What a result may be owned as by options of one function.
function baseOf(koffi, registry, type, name) {
  const base = pointee(koffi, type) ?? integerBase(koffi, type) ?? resultBase(koffi, registry, type);
  const { name: string, primitive } = describe(koffi, type);
  if (base !== undefined || !primitive.startsWith('String')) return base;
  throw new UnsupportedError(
    `Koffi makes a string of the result of ${name}(), of which no pointer is left: ` +
      `declare a type with owned(name, '${string}', { free }) and write that, or write 'void *'`,
  );
}

// Koffi frees owned strings whatever the outcome.
function refuseGiven(koffi, registry, types, name) {
  const [string] = types.flatMap((type) => stringsIn(koffi, registry, type));
  if (string === undefined) return;
  throw new UnsupportedError(
    `'gives' has no effect on ${name}(): '${string.name}' is a string, which Koffi copies and frees in any case. ` +
      `Write an owned type over 'void *'`,
  );
}

// Owned strings are freed by a function of the library that gives them, as a result, in one, or through a pointer.
function resolveStrings(koffi, registry, resolve, types) {
  if (!registry.ownsStrings) return;
  for (const type of types) for (const string of stringsIn(koffi, registry, type)) resolve(string);
}

/** What refuses owned types of variadic arguments, which stand before each of them in the call of the function `name`. */
function makeRestCheck(koffi, registry, name, count) {
  return (args) => {
    for (let i = count; i < args.length; i += 2) {
      const type = typeof args[i] === 'string' ? args[i].trim() : describe(koffi, args[i]).name;
      if (!registry.has(type)) continue;
      throw new UnsupportedError(
        `Cannot give away a variadic argument of ${name}(): write the plain type for '${type}', and ` +
          'release() the pointer where C takes it',
      );
    }
  };
}

/**
 * What ownership means for `raw`, whose owned strings are given to `resolve()`, declared with `definition`, a prototype, or
 * with undefined for that, a result `written` so and the types of `list`. `options` are one-off; `mayTake` says whether it may
 * take tracked pointers some day. Returns null for nothing.
 */
function planFor(declared) {
  const { koffi, registry, source, resolve, raw, definition, written, list, directions } = declared;
  const { variadic, options, mayTake = true } = declared;
  const { address = () => symbolAddress(koffi, source.library, raw.info.name) } = declared;
  if (registry.isEmpty && options === undefined) return null;
  const { name, result: type } = raw.info;
  const isOwned = options?.free !== undefined || isOfResult(options?.keeps);
  refuseFreedAtOnce(koffi, registry, { type, written, isOwned, where: `the result of ${name}()` });
  const types = argumentsOf(raw);
  const count = types.length;
  resolveStrings(koffi, registry, resolve, [type, ...types.map((argument) => argument.type)]);

  const ofResult = registry.get(describe(koffi, type).name);
  if (ofResult === undefined) {
    const copies = pointee(koffi, type) === undefined;
    refuseOwnedInside(koffi, registry, type, `the result of ${name}()`, copies);
  }
  const base = () => baseOf(koffi, registry, type, name);
  // Once, because the type of a result that is owned by options is made here.
  declared.said ??= readOptions({ registry, base, owned: ofResult, name, options, count });
  const { owned, keeps, resized, once, ...said } = declared.said;
  const named = new Set(
    keeps.rules
      .flatMap(({ keeper, values }) => [keeper, ...values])
      .concat(keeps.result, resized ?? [], once),
  );

  const texts = definition === undefined ? list : parametersIn(definition);
  const towards = definition === undefined ? directions : texts.map(directionIn);
  const direction = (i) => types[i].direction ?? towards[i] ?? 'in';
  const where = (i) => `argument ${i} of ${name}()`;
  const roles = types.map(({ type: each }, i) => {
    refuseMarked(registry, texts[i], where(i));
    const about = { direction: direction(i), where: where(i), isNamed: named.has(i), written: texts[i] };
    return roleOf(koffi, registry, source, each, about);
  });
  // The owned members of structs that C returns or fills.
  const inside = [
    { at: RESULT, places: ofResult === undefined ? ownedPlaces(koffi, registry, type) : [] },
    ...roles.map((role, at) => ({ at, places: role?.role === 'fill' ? role.places : [] })),
  ].flatMap(({ at, places }) => places.map((place) => ({ at, ...place })));
  const given = inside.map((place) => place.owned);
  const needs = neededBy([owned, ...given], roles);
  checkNamed(name, { resized, keeps, needs, once }, roles, (i, option) =>
    mayCome(koffi, types[i].type, direction(i), option),
  );
  const isA = (pattern) => (i) => pattern.test(types[i] && describe(koffi, types[i].type).primitive);
  const lengths = checkMeasured(name, said.lengths, isA(/^(Pointer|String)/), isA(/^Int/));
  const givesMore = [...given, owned].some(Boolean) || roles.some((role) => GIVEN.includes(role?.role));
  if (options?.gives !== undefined && !givesMore) {
    refuseGiven(koffi, registry, [type, ...types.map((each) => each.type)], name);
  }
  const outcome = checkOutcome(name, options, roles, owned ?? given[0]);
  const takesAny = roles.some((role) => role !== null) || (variadic && registry.ownsAny);
  const givesAny = owned !== undefined || inside.length > 0;
  const isPlain =
    !givesAny && lengths.length === 0 && resized === undefined && keeps.rules.length === 0 && !takesAny;
  const reenters = checkReenters(options?.reenters, name, mayTake || !isPlain);
  if (isPlain) return null;
  const checkRest = variadic ? makeRestCheck(koffi, registry, name, count) : undefined;
  const more = { outcome, address, resized, reenters, variadic, checkRest, inside, lengths, once, replaceAt };
  const plan = makePlan({ name, source, registry, roles, owned, keeps, ...more });
  return Object.assign(plan, { directions: types.map((_, i) => direction(i)) });
}

/** The function that users call in place of `raw`, which has that plan: itself, if that is null. */
function owning(koffi, raw, plan) {
  if (plan === null) return raw;
  const givesBack = plan.params.some((param) => param?.owning?.gives);
  const wrapping = wrap(raw, plan, makeRefusal(koffi, raw, plan.directions));
  const func = givesBack ? throwingLater(wrapping) : wrapping; // once all that C gives nevertheless has an owner
  func.info = raw.info;
  return func;
}

module.exports = { owning, planFor };
