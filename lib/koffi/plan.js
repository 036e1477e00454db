'use strict';
// Reads out of a declared function what ownership means for it: one role for each parameter, and what
// makes tracked pointers of its result. A function that has nothing to do with ownership has no plan.

const { checkOptions } = require('../check');
const { NONE } = require('../destructors');
const { ArgumentValueError, UnsupportedError } = require('../errors');
const { argumentsOf, describe, pointee } = require('./dialect');
const { OwnedType, checkFree, checkIndex, checkMeasure, isAny } = require('./owned-type');
const { Producer } = require('./producer');

const OPTIONS = ['free', 'size', 'parent', 'keeps', 'resizes'];
const DIRECTION = /^\s*(_In_|_Out_|_Inout_)\b/;
const NAMED = { _In_: 'in', _Out_: 'out', _Inout_: 'inout' };

// Koffi 2 does not tell directions, so they are read from the prototype.
function directionsIn(definition) {
  const list = definition.slice(definition.indexOf('(') + 1, definition.lastIndexOf(')'));
  return list.split(',').map((text) => NAMED[DIRECTION.exec(text)?.[1]] ?? 'in');
}

function ownedMember(koffi, registry, type) {
  const { members } = describe(koffi, type);
  if (members === undefined) return undefined;
  return Object.entries(members).find(([, { type: member }]) =>
    registry.has(describe(koffi, member).name),
  )?.[0];
}

/** The role of one parameter: null, or { role, owned } or { role: 'borrow', base }. */
function roleOf(koffi, registry, type, direction, where) {
  const { name, primitive } = describe(koffi, type);
  const owned = registry.get(name);
  if (owned !== undefined) return { role: 'consume', owned };
  if (primitive === 'Callback')
    return registry.callbacks > 0 ? { role: 'borrow', base: name, callback: true } : null;
  if (primitive !== 'Pointer') return null;
  const base = pointee(koffi, type);
  if (base === undefined) return null;
  const inner = registry.get(base.name);
  if (inner !== undefined) {
    if (direction === 'out' || direction === 'inout') return { role: direction, owned: inner };
    throw new UnsupportedError(
      `Cannot tell who owns the elements of '${inner.name} *' in ${where}: write _Out_ or _Inout_ for one ` +
        `pointer that C stores, or pass an array of plain '${inner.base} *'`,
    );
  }
  const member = ownedMember(koffi, registry, base.raw);
  if (member !== undefined) {
    throw new UnsupportedError(
      `Cannot track the owned member '${member}' of '${base.name}' in ${where}: declare the member as a ` +
        `plain pointer, and track() it`,
    );
  }
  if (direction === 'out' || direction === 'inout') return null;
  if (isAny(base.name) ? registry.ownsAny : registry.owns(base.name))
    return { role: 'borrow', base: base.name };
  return null;
}

/** The owned type that the options of one function make of its result. */
function adHoc(koffi, type, name, options) {
  const base = pointee(koffi, type);
  if (base === undefined) {
    throw new UnsupportedError(`The result of ${name}() is no pointer that could be owned or kept`);
  }
  if (options.free === undefined) return new OwnedType(`${name}()`, base.name, { free: NONE, size: 0 });
  return new OwnedType(`${name}()`, base.name, {
    free: checkFree(options.free),
    size: checkMeasure(options.size, base, `${name}()`),
  });
}

function checkNumber(value, name, count) {
  if (value === undefined) return undefined;
  if (checkIndex(value, name) >= count) {
    throw new ArgumentValueError(value, name, `the number of an argument, below ${count}`);
  }
  return value;
}

// Owned strings are freed by a function of the library that gives them, as a result or through a pointer.
function resolveStrings(koffi, registry, library, declare, types) {
  for (const type of types) {
    const { name } = describe(koffi, type);
    const string = registry.string(name) ?? registry.string(pointee(koffi, type)?.name);
    string?.resolve(library, declare);
  }
}

// Options that would mean nothing are mistakes.
function checkOneOff(options, owned, name) {
  if (options === undefined) return;
  const { free, size, parent, keeps } = options;
  if (owned !== undefined && free !== undefined) {
    throw new UnsupportedError(`The result of ${name}() already has a destructor, that of '${owned.name}'`);
  }
  if (owned === undefined && free === undefined && (size !== undefined || parent !== undefined)) {
    throw new UnsupportedError(`The result of ${name}() has no owner: 'size' and 'parent' need 'free'`);
  }
  if (parent !== undefined && keeps !== undefined) {
    throw new UnsupportedError(`The result of ${name}() cannot have both 'parent' and 'keeps'`);
  }
}

/**
 * What ownership means for `raw`, declared in `library` with `definition` (a prototype, or undefined) and
 * one-off `options`. Returns null when it means nothing.
 */
function planFor({ koffi, registry, library, declare, raw, definition, directions, variadic, options }) {
  if (registry.isEmpty && options === undefined) return null;
  const { name } = raw.info;
  if (options !== undefined) checkOptions(options, OPTIONS);
  const types = argumentsOf(raw);
  resolveStrings(koffi, registry, library, declare, [raw.info.result, ...types.map(({ type }) => type)]);
  const written = definition === undefined ? directions : directionsIn(definition);
  const result = describe(koffi, raw.info.result);
  const own = registry.get(result.name);
  checkOneOff(options, own, name);
  const { keeps, resizes, free, size, parent } = options ?? {};
  let owned = own;
  if (own === undefined && (free !== undefined || keeps !== undefined)) {
    owned = adHoc(koffi, raw.info.result, name, { free, size });
    registry.addBase(owned.base);
  }
  const params = types.map(({ type, direction }, i) =>
    roleOf(koffi, registry, type, direction ?? written?.[i] ?? 'in', `argument ${i} of ${name}()`),
  );

  const kept = checkNumber(keeps, 'keeps', types.length);
  const resized = checkNumber(resizes, 'resizes', types.length);
  if (own !== undefined && size !== undefined) {
    const base = { name: owned.base, size: 0 };
    owned = new OwnedType(owned.name, owned.base, { ...owned, size: checkMeasure(size, base, owned.name) });
  }
  if (owned !== undefined) {
    const dependsOn = parent ?? kept;
    if (dependsOn !== undefined)
      owned = new OwnedType(owned.name, owned.base, { ...owned, parent: dependsOn });
  }
  const member = owned === undefined ? ownedMember(koffi, registry, result.raw) : undefined;
  if (member !== undefined) {
    throw new UnsupportedError(
      `Cannot track the owned member '${member}' of '${result.name}', the result of ${name}(): declare the ` +
        `member as a plain pointer, and track() it`,
    );
  }
  if (owned === undefined && resized === undefined && params.every((role) => role === null)) return null;

  const producerOf = (type) =>
    registry.producer(library, type, () => new Producer(koffi, library, declare, type));
  for (const param of params) {
    if (param?.role === 'out' || param?.role === 'inout') param.producer = producerOf(param.owned);
    if (param?.role === 'consume') param.destroys = false;
  }
  // Calling the destructor by hand is how a pointer is disposed in C's own words.
  if (types.length === 1 && params[0] !== null && destroys(registry, params[0], name)) {
    params[0] = { ...params[0], role: 'consume', destroys: true };
  }
  const dependency = owned?.parent;
  if (typeof dependency === 'number') checkNumber(dependency, 'parent', types.length);
  if (typeof dependency === 'number' && params[dependency]?.role === 'consume') {
    throw new UnsupportedError(
      `The result of ${name}() cannot depend on argument ${dependency}, which C takes or frees`,
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
    depends: [owned, ...params.map((param) => param?.owned)].some((type) => type?.parent !== undefined),
  };
}

function destroys(registry, { role, owned, base }, name) {
  if (role === 'consume') return owned.destructorName === name;
  return role === 'borrow' && registry.isDestructor(name, base);
}

module.exports = { planFor };
