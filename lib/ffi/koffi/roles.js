'use strict';
// What ownership means for one parameter: its role, or a refusal where nobody could tell.

const { UnsupportedError } = require('../../support/errors');
const { describe, pointee, protoOf } = require('./dialect');
const { lentCallback, registerCallback } = require('./memory');
const { ownedCallback } = require('./owned-callbacks');
const { changedPlaces, copier, lentInteger, shapeOf } = require('./shape');
const { ownedPlaces } = require('./structs');

// Whether C only reads what is `written` like that, which may be a type.
const isRead = (written) => typeof written === 'string' && /^[^*]*\bconst\b/.test(written);

// What a type that Koffi converts as a whole consists of, as [type, path, how it is in there].
function partsOf(koffi, { name, primitive, members, ref, raw }) {
  const parts = Object.entries(members ?? {}).map(([path, member]) => [member.type, path, 'member']);
  if (ref !== undefined && (primitive === 'Array' || primitive === 'Pointer'))
    parts.push([ref, name, primitive]);
  const proto = protoOf(koffi, raw);
  for (const argument of proto?.arguments ?? [])
    parts.push([argument.type ?? argument, `${name} argument`, 'proto']);
  if (proto !== undefined) parts.push([proto.result, `${name} result`, 'proto']);
  return parts;
}

// Whether Koffi makes a JavaScript string of an owned one, and frees that. Koffi 2 does not free those in arrays.
const isCopied = (koffi, how) => how === 'member' || (how === 'Array' && koffi.type !== undefined);

// The path to an owned type inside another type; undefined where there is none. `copies`: Koffi converts what is there.
// `tells`: it tells the pointers, too, which it does not of those in a union.
function ownedInside(koffi, registry, type, copies, seen = new Set(), tells = copies) {
  const described = describe(koffi, type);
  const key = `${copies} ${tells} ${described.name}`; // it may be refused in one place, and not in another
  if (seen.has(key)) return undefined;
  seen.add(key);
  const isTold = tells && described.primitive !== 'Union';
  for (const [part, path, how] of partsOf(koffi, described)) {
    const { name } = describe(koffi, part);
    if (registry.has(name) && !(isTold && (how === 'member' || how === 'Array'))) return path;
    if (registry.has(name)) continue;
    const isString = registry.string(name) !== undefined && how !== 'proto';
    if (isString && !(copies && isCopied(koffi, how))) return path;
    const isHere = how !== 'Pointer';
    const deeper = ownedInside(koffi, registry, part, copies && isHere, seen, isTold && isHere);
    if (deeper !== undefined) return `${path}.${deeper}`;
  }
  return undefined;
}

/** The owned strings of `type`, or that are in there. */
function stringsIn(koffi, registry, type, seen = new Set()) {
  const described = describe(koffi, type);
  if (seen.has(described.name)) return [];
  seen.add(described.name);
  const inside = partsOf(koffi, described).flatMap(([part]) => stringsIn(koffi, registry, part, seen));
  return [registry.string(described.name) ?? [], inside].flat();
}

/**
 * Throws if `type` contains an owned type: `where` names the place. `copies`: Koffi converts what C gives there, and then
 * owned members have owners, and owned strings are freed.
 */
function refuseOwnedInside(koffi, registry, type, where, copies, advice = '') {
  const base = pointee(koffi, type);
  if (registry.get(base?.name)?.struct !== undefined) {
    throw new UnsupportedError(
      `Cannot tell who owns what '${base.name} *' points to in ${where}: '${base.name}' is a struct that C returns or ` +
        `fills, declare an owned type over '${registry.get(base.name).base} *'`,
    );
  }
  if (registry.has(base?.name) || registry.string(base?.name) !== undefined) {
    throw new UnsupportedError(
      `Cannot tell who owns what '${base.name} *' points to in ${where}: '${base.name}' is a pointer type ` +
        `already, write it without the star`,
    );
  }
  const whole = base === undefined ? type : base.raw;
  const path = ownedInside(koffi, registry, whole, copies);
  if (path === undefined) return;
  const { name } = describe(koffi, whole);
  throw new UnsupportedError(
    `Cannot tell who owns '${path}' of '${name}' in ${where}: ${advice}declare it there as a plain pointer, and track() what is yours`,
  );
}

// Whether C can change all that is owned at `places`: not strings, which are copies, nor structs, which are not where C
// changes them.
const mayChange = (koffi, registry, type, places) =>
  stringsIn(koffi, registry, type).length === 0 && places.every(({ owned }) => owned?.struct === undefined);

/**
 * What makes a callback of that type own: see ownedCallback(). What it takes and gives is an owned pointer itself, or has none
 * inside.
 */
function callbackOf(koffi, registry, source, type, where) {
  const owning = ownedCallback(koffi, registry, source, type);
  const { arguments: given = [], result } = (!registry.isEmpty && protoOf(koffi, type)) || {};
  if (result !== undefined && registry.string(describe(koffi, result).name) !== undefined) {
    throw new UnsupportedError(
      `C cannot take the string that ${where} returns, which is a copy that Koffi makes: return a pointer type`,
    );
  }
  for (const part of result === undefined ? [] : [...given, result]) {
    const each = part.type ?? part;
    if (!registry.has(describe(koffi, each).name)) refuseOwnedInside(koffi, registry, each, where, false);
  }
  return owning;
}

/**
 * null, { role: 'borrow', base, shape, direction }, with a direction other than 'in', { role: 'consume' | 'out' | 'inout',
 * owned }, or { role: 'fill', places } for a struct with owned members, or { role: 'change', base, places, copy }. `source`
 * says what frees the pointers that callbacks are given. `isNamed`: an option means a tracked pointer, which may come
 * although no type is owned yet. What is owned in what is `written` as const is lent.
 */
function roleOf(koffi, registry, source, type, { direction, where, isNamed, written }) {
  const { name, primitive } = describe(koffi, type);
  const owned = registry.get(name);
  if (owned !== undefined && direction === 'in') return { role: 'consume', owned };
  if (owned !== undefined) {
    throw new UnsupportedError(
      `Cannot tell who owns what C stores in ${where}: '${name}' is a pointer type already, write '${name} *' ` +
        `for one pointer that C stores`,
    );
  }

  const base = pointee(koffi, type);
  if (registry.string(base?.name) !== undefined && direction === 'out') return null;
  if (registry.string(name) !== undefined || registry.string(base?.name) !== undefined) {
    throw new UnsupportedError(
      `C cannot take the string of ${where}, which is a copy that Koffi makes: write 'char *' where C reads it, ` +
        `and a pointer type where C takes it`,
    );
  }
  const text = base === undefined ? undefined : pointee(koffi, base.raw)?.name;
  if (registry.string(text) !== undefined && direction === 'out') {
    throw new UnsupportedError(
      `Cannot tell who owns what '${base.name}' points to in ${where}: write '_Out_ ${text} *' for a string that C stores`,
    );
  }
  const inner = registry.get(base?.name);
  if (inner !== undefined) {
    if (direction === 'out' || (direction === 'inout' && inner.struct === undefined)) {
      return { role: direction, owned: inner };
    }
    if (inner.struct !== undefined) {
      throw new UnsupportedError(
        `Cannot tell who owns what is in ${where} after the call: write '${inner.base} *' where C uses or changes it, ` +
          `and '_Out_ ${inner.name} *' where C gives it`,
      );
    }
    if (direction === 'in' && isRead(written)) {
      return { role: 'borrow', base: base.name, shape: shapeOf(koffi, registry, type, where) };
    }
    throw new UnsupportedError(
      `Cannot tell who owns the elements of '${inner.name} *' in ${where}: write 'const ${inner.name} *' for an array ` +
        `that C reads, and _Out_ or _Inout_ for one pointer that C stores`,
    );
  }
  const owning = primitive === 'Callback' ? callbackOf(koffi, registry, source, type, where) : undefined;
  const changed =
    direction === 'inout' && base !== undefined && registry.ownsAny
      ? changedPlaces(koffi, registry, base.raw, where)
      : [];
  const inside =
    direction === 'in' && owning === undefined ? ownedPlaces(koffi, registry, base?.raw ?? type) : [];
  const mayLendInside = inside.length > 0 && mayChange(koffi, registry, type, inside);
  const isTold =
    direction === 'out' ||
    (mayLendInside && isRead(written)) ||
    (changed.length > 0 && mayChange(koffi, registry, type, changed));
  const advice = mayLendInside ? `write 'const' where C only reads it, or ` : '';
  if (owning === undefined) refuseOwnedInside(koffi, registry, type, where, isTold, advice);

  if (primitive === 'Callback') {
    return registry.callbacks > 0 || isNamed || owning !== undefined
      ? {
          role: 'borrow',
          base: name,
          expected: name,
          lent: lentCallback,
          owning,
          register: (callback) => registerCallback(koffi, registry, callback, type, owning),
        }
      : null;
  }
  const isLent = base !== undefined && registry.mayLend(base.name);
  if (direction === 'out' && base !== undefined) {
    const places = ownedPlaces(koffi, registry, base.raw);
    if (places.length > 0) return { role: 'fill', places };
  }
  if (changed.length > 0)
    return { role: 'change', base: base.name, places: changed, copy: copier(koffi, base.raw) };
  if (direction !== 'in') return isLent ? { role: 'borrow', base: base.name, direction } : null;
  const integer = lentInteger(koffi, registry, type, true);
  if (integer !== undefined) return { role: 'borrow', isInteger: true, ...integer };
  const shape = registry.ownsAny ? shapeOf(koffi, registry, type, where) : undefined;
  if (base === undefined) return shape === undefined ? null : { role: 'borrow', base: name, shape };
  return isLent || isNamed || shape !== undefined ? { role: 'borrow', base: base.name, shape } : null;
}

/**
 * Throws if Koffi would free what becomes a tracked pointer: the result of type `type`, `written` like that; `isOwned`
 * by an option.
 */
function refuseFreedAtOnce(koffi, registry, { type, written, isOwned, where }) {
  // What Koffi tells of a type with '!' is not what it is called without.
  const marked = typeof written === 'string' ? /(\w*)[\s*]*!/.exec(written) : null;
  const isFreed = marked !== null || (isOwned && describe(koffi, type).disposable);
  const [, name] = marked ?? [];
  if (!isFreed || !(isOwned || registry.has(name) || registry.string(name) !== undefined)) return;
  throw new UnsupportedError(
    `Koffi frees ${where} at once, because of '!' or disposable(), and nothing is left to own: write it without`,
  );
}

// The name of the owned type that is marked by '!' in `written`, which hides it from Koffi.
function markedType(registry, written) {
  const [, name] = (typeof written === 'string' && /(\w*)[\s*]*!/.exec(written)) || [];
  return registry.has(name) || registry.string(name) !== undefined ? name : undefined;
}

/** Throws if an owned type as parameter is marked as freed at once by Koffi, which frees nothing there. */
function refuseMarked(registry, written, where) {
  const name = markedType(registry, written);
  if (name === undefined) return;
  throw new UnsupportedError(`'!' has no effect on ${where}: write '${name}' without`);
}

module.exports = { callbackOf, refuseFreedAtOnce, refuseMarked, refuseOwnedInside, roleOf, stringsIn };
