'use strict';
// Reads out of a declared function what ownership means for it: one role for each parameter, and what
// makes tracked pointers of its result. A function that has nothing to do with ownership has no plan.

const { UnsupportedError } = require('../errors');
const { consuming } = require('./arguments');
const { argumentsOf, describe, pointee } = require('./dialect');
const { checkArgument, ownedResult } = require('./one-off');
const { Producer } = require('./producer');
const { refuseOwnedInside, roleOf } = require('./roles');

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

// Calling the destructor by hand is how a pointer is disposed in C's own words.
function isDestructor(registry, params, name) {
  if (params.length !== 1 || params[0] === null) return false;
  const [{ role, owned, base }] = params;
  if (role === 'consume') return owned.destructorName === name;
  return role === 'borrow' && registry.isDestructor(name, base);
}

function complete(param, where, producerOf) {
  if (param === null || param.role === 'borrow') return param;
  if (param.role === 'consume') return { ...param, destroys: false };
  return { ...param, producer: producerOf(param.owned), convert: consuming(where, param.owned) };
}

/**
 * What ownership means for `raw`, declared in `library` with `definition` (a prototype, or undefined) and
 * one-off `options`. Returns null when it means nothing.
 */
function planFor({ koffi, registry, library, declare, raw, definition, directions, variadic, options }) {
  if (registry.isEmpty && options === undefined) return null;
  const { name, result: type } = raw.info;
  const types = argumentsOf(raw);
  const count = types.length;
  resolveStrings(koffi, registry, library, declare, [type, ...types.map((argument) => argument.type)]);

  const declared = registry.get(describe(koffi, type).name);
  if (declared === undefined) refuseOwnedInside(koffi, registry, type, `the result of ${name}()`);
  const owned = ownedResult({ koffi, registry, type, owned: declared, name, options, count });
  const resized = checkArgument(options?.resizes, 'resizes', count);

  const written = definition === undefined ? directions : directionsIn(definition);
  const where = (i) => `argument ${i} of ${name}()`;
  const roles = types.map((argument, i) =>
    roleOf(koffi, registry, argument.type, argument.direction ?? written?.[i] ?? 'in', where(i)),
  );
  const takesAny = roles.some((role) => role !== null) || (variadic && registry.ownsAny);
  if (owned === undefined && resized === undefined && !takesAny) return null;

  const producerOf = (of) => registry.producer(library, of, () => new Producer(koffi, library, declare, of));
  const params = roles.map((role, i) => complete(role, where(i), producerOf));
  if (isDestructor(registry, params, name)) params[0] = { ...params[0], role: 'consume', destroys: true };
  if (params[owned?.parent]?.role === 'consume') {
    throw new UnsupportedError(
      `The result of ${name}() cannot depend on argument ${owned.parent}, which C takes or frees`,
    );
  }
  return {
    name,
    params,
    variadic,
    producer: owned === undefined ? null : producerOf(owned),
    resized,
    producerOf,
    // Whether what C gives may hold an argument.
    depends: [owned, ...params.map((param) => param?.owned)].some((of) => of?.parent !== undefined),
  };
}

module.exports = { planFor };
