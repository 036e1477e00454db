'use strict';
// Reads out of a function that Koffi has declared what ownership means for it. A function that has nothing to
// do with ownership has no plan.

const { checkArgument, checkReenters, ownedResult } = require('../../ownership/declare/one-off');
const { makePlan } = require('../../ownership/declare/plan');
const { argumentsOf, describe, pointee } = require('./dialect');
const { refuseFreedAtOnce, refuseOwnedInside, roleOf } = require('./roles');

const DIRECTION = /^\s*(_In_|_Out_|_Inout_)\b/;
const NAMED = { _In_: 'in', _Out_: 'out', _Inout_: 'inout' };

// Koffi 2 does not tell directions, so they are read from the prototype.
function directionsIn(definition) {
  const list = definition.slice(definition.indexOf('(') + 1, definition.lastIndexOf(')'));
  return list.split(',').map((text) => NAMED[DIRECTION.exec(text)?.[1]] ?? 'in');
}

// Owned strings are freed by a function of the library that gives them, as a result or through a pointer.
function resolveStrings(koffi, registry, library, declare, types) {
  for (const type of types) {
    const { name } = describe(koffi, type);
    const string = registry.string(name) ?? registry.string(pointee(koffi, type)?.name);
    string?.resolve(library, declare);
  }
}

/**
 * What ownership means for `raw`, declared by `declare` of the library of `source` with `definition` (a
 * prototype, or undefined), a result `written` like that, and one-off `options`. Returns null when it means nothing.
 */
function planFor({
  koffi,
  registry,
  source,
  declare,
  raw,
  definition,
  written,
  directions,
  variadic,
  options,
}) {
  if (registry.isEmpty && options === undefined) return null;
  const { name, result: type } = raw.info;
  const isOwned = options?.free !== undefined || options?.keeps !== undefined;
  refuseFreedAtOnce(koffi, registry, { type, written, isOwned, where: `the result of ${name}()` });
  const types = argumentsOf(raw);
  const count = types.length;
  resolveStrings(koffi, registry, source.library, declare, [type, ...types.map((argument) => argument.type)]);

  const declared = registry.get(describe(koffi, type).name);
  if (declared === undefined) refuseOwnedInside(koffi, registry, type, `the result of ${name}()`);
  const base = () => pointee(koffi, type);
  const owned = ownedResult({ registry, base, owned: declared, name, options, count });
  const resized = checkArgument(options?.resizes, 'resizes', count);

  const towards = definition === undefined ? directions : directionsIn(definition);
  const where = (i) => `argument ${i} of ${name}()`;
  const roles = types.map((argument, i) =>
    roleOf(koffi, registry, argument.type, argument.direction ?? towards?.[i] ?? 'in', where(i)),
  );
  const takesAny = roles.some((role) => role !== null) || (variadic && registry.ownsAny);
  const isPlain = owned === undefined && resized === undefined && !takesAny;
  const reenters = checkReenters(options?.reenters, name, !isPlain);
  return isPlain ? null : makePlan({ name, source, registry, roles, owned, resized, reenters, variadic });
}

module.exports = { planFor };
