'use strict';
// Reads out of a function that Koffi has declared what ownership means for it. A function that has nothing to
// do with ownership has no plan.

const { checkOutcome } = require('../../ownership/declare/depends-on-outcome');
const { isOfResult } = require('../../ownership/declare/keeps');
const { checkNamed, checkReenters, readOptions } = require('../../ownership/declare/one-off');
const { makePlan, neededBy } = require('../../ownership/declare/plan');
const { argumentsOf, describe, pointee, symbolAddress } = require('./dialect');
const { refuseFreedAtOnce, refuseMarked, refuseOwnedInside, roleOf, stringsIn } = require('./roles');

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

// Owned strings are freed by a function of the library that gives them, as a result, in one, or through a pointer.
function resolveStrings(koffi, registry, resolve, types) {
  if (!registry.ownsStrings) return;
  for (const type of types) for (const string of stringsIn(koffi, registry, type)) resolve(string);
}

/**
 * What ownership means for `raw`, whose owned strings are given to `resolve()`, declared with `definition`, a prototype, or
 * with undefined for that, a result `written` so and the types of `list`. `options` are one-off. Returns null for nothing.
 */
function planFor({
  koffi,
  registry,
  source,
  resolve,
  raw,
  definition,
  written,
  list,
  directions,
  variadic,
  options,
  address = () => symbolAddress(koffi, source.library, raw.info.name),
}) {
  if (registry.isEmpty && options === undefined) return null;
  const { name, result: type } = raw.info;
  const isOwned = options?.free !== undefined || isOfResult(options?.keeps);
  refuseFreedAtOnce(koffi, registry, { type, written, isOwned, where: `the result of ${name}()` });
  const types = argumentsOf(raw);
  const count = types.length;
  resolveStrings(koffi, registry, resolve, [type, ...types.map((argument) => argument.type)]);

  const declared = registry.get(describe(koffi, type).name);
  if (declared === undefined) {
    const copies = pointee(koffi, type) === undefined;
    refuseOwnedInside(koffi, registry, type, `the result of ${name}()`, copies);
  }
  const base = () => pointee(koffi, type);
  const { owned, keeps, resized } = readOptions({ registry, base, owned: declared, name, options, count });
  const named = new Set(
    keeps.rules.flatMap(({ keeper, values }) => [keeper, ...values]).concat(keeps.result, resized ?? []),
  );

  const texts = definition === undefined ? list : parametersIn(definition);
  const towards = definition === undefined ? directions : texts.map(directionIn);
  const direction = (i) => types[i].direction ?? towards[i] ?? 'in';
  const where = (i) => `argument ${i} of ${name}()`;
  const roles = types.map(({ type: each }, i) => {
    refuseMarked(registry, texts[i], where(i));
    return roleOf(koffi, registry, each, direction(i), where(i), named.has(i));
  });
  const needs = neededBy(owned, roles);
  checkNamed(name, { resized, keeps, needs }, roles, (i, option) =>
    mayCome(koffi, types[i].type, direction(i), option),
  );
  const outcome = checkOutcome(name, options, roles, owned);
  const takesAny = roles.some((role) => role !== null) || (variadic && registry.ownsAny);
  const isPlain = owned === undefined && resized === undefined && keeps.rules.length === 0 && !takesAny;
  const reenters = checkReenters(options?.reenters, name, !isPlain);
  if (isPlain) return null;
  const more = { outcome, address, resized, reenters, variadic };
  return makePlan({ name, source, registry, roles, owned, keeps, ...more });
}

module.exports = { planFor };
