'use strict';
// Structs that own: those with owned members, and those that are owned as a whole, in memory of JavaScript's that stays.

const { checkMeaning } = require('../../ownership/declare/meaning');
const { UnsupportedError } = require('../../support/errors');
const { describe, resolve, toKoffiPointer } = require('./dialect');

const EACH = Symbol('each'); // in a path: all elements of an array

/** Where there are owned pointers in what Koffi makes of a value of type `type`, [{ path, owned }]. */
function ownedPlaces(koffi, registry, type, path = []) {
  const { name, primitive, members, ref } = describe(koffi, type);
  const owned = registry.get(name);
  if (owned !== undefined) return [{ path, owned }];
  if (primitive === 'Array') return ownedPlaces(koffi, registry, ref, [...path, EACH]);
  if (primitive !== 'Record') return [];
  return Object.entries(members).flatMap(([key, member]) =>
    ownedPlaces(koffi, registry, member.type, [...path, key]),
  );
}

/** Puts `own(found)` in the place of what is found at `path` in `value`, from `at`. */
function replaceAt(value, path, own, at = 0) {
  if (typeof value !== 'object' || value === null) return;
  for (const key of path[at] === EACH ? value.keys() : [path[at]]) {
    if (at < path.length - 1) replaceAt(value[key], path, own, at + 1);
    else value[key] = own(value[key]);
  }
}

// A type of the same layout of which Koffi converts nothing that C could not get back.
function unconverted(koffi, type) {
  const { primitive, ref, size } = describe(koffi, type);
  if (primitive === 'Callback') return type;
  if (/^(String|Pointer)/.test(primitive)) return 'void *';
  if (primitive === 'Record') return structLike(koffi, type);
  if (primitive !== 'Array') return type;
  return koffi.array(unconverted(koffi, ref), size / describe(koffi, ref).size, 'Array');
}

// The path to what Koffi makes a string of, which C could not get back.
function stringIn(koffi, type) {
  const { primitive, members, ref, size } = describe(koffi, type);
  if (primitive.startsWith('String')) return '';
  if (primitive === 'Array') {
    return typeof koffi.decode(new Uint8Array(size), type) === 'string' ? '' : stringIn(koffi, ref);
  }
  if (primitive !== 'Record') return undefined;
  for (const [key, member] of Object.entries(members)) {
    const path = stringIn(koffi, member.type);
    if (path !== undefined) return path === '' ? key : `${key}.${path}`;
  }
  return undefined;
}

/** What structBase() returns, for the result of one function, which Koffi has converted before it is kept. */
function resultBase(koffi, registry, type) {
  const base = structBase(koffi, registry, type);
  const path = base && stringIn(koffi, type);
  if (path === undefined) return base;
  throw new UnsupportedError(
    `Cannot own a result of type '${base.name}', of which '${path}' has become a string: declare a type with ` +
      `owned(name, '${base.name}', options), and write that`,
  );
}

/** A struct called `name`, if that is given, with the layout of the struct `type`. */
function structLike(koffi, type, name) {
  const { members, size, name: given } = describe(koffi, type);
  const all = Object.entries(members).map(([key, member]) => [key, unconverted(koffi, member.type)]);
  const isLike = (own) => {
    const { members: its, size: bytes } = describe(koffi, own);
    return bytes === size && Object.entries(members).every(([key, { offset }]) => its[key].offset === offset);
  };
  const unions = all.filter(([, part]) => describe(koffi, part).primitive === 'Union');
  const make = ['struct', 'pack'].find((each) => isLike(koffi[each](Object.fromEntries(all))));
  if (make === undefined || unions.length > 0) {
    throw new UnsupportedError(
      `Cannot own '${given}': it has a layout or a union that Koffi does not give back. Write pointers to it, and track() them`,
    );
  }
  return name === undefined
    ? koffi[make](Object.fromEntries(all))
    : koffi[make](name, Object.fromEntries(all));
}

/** How structs are kept: each in memory of its own, or several as C has stored them. */
class StructMemory {
  #koffi;
  #type;

  constructor(koffi, type, size) {
    this.#koffi = koffi;
    this.#type = type;
    this.size = size;
  }

  /** The struct at `address`, as Koffi passes it by value. */
  read(address) {
    return this.#koffi.decode(toKoffiPointer(this.#koffi, address), this.#type);
  }

  /** Memory for C to store `count` of them. */
  box(count) {
    return new Uint8Array(this.size * count);
  }

  /** { memory, address } of each of those in `box`. */
  stored({ buffer }) {
    const first = this.#koffi.address(buffer);
    return Array.from({ length: buffer.byteLength / this.size }, (_, i) => ({
      memory: buffer,
      address: first + BigInt(i * this.size),
    }));
  }

  /** The same of one that C has returned by value. */
  place(value) {
    const box = this.box(1);
    this.#koffi.encode(box, this.#type, value);
    return this.stored(box)[0];
  }
}

/** What a struct is, for an owned type over it; undefined for other types. Its size is not that of what it owns. */
function structBase(koffi, registry, type) {
  const { name, primitive, size } = describe(koffi, type);
  if (primitive !== 'Record') return undefined;
  if (registry.has(name)) throw new UnsupportedError(`Cannot own '${name}', which is an owned type already`);
  if (ownedPlaces(koffi, registry, type).length > 0) {
    throw new UnsupportedError(`Cannot own '${name}', which has owned members: they have their owners`);
  }
  return { name, size: 0, struct: new StructMemory(koffi, structLike(koffi, type), size) };
}

/** A new struct type of its own, by which prototypes can name ownership of `type`. */
function namedStruct(koffi, name, type) {
  const before = resolve(koffi, name);
  if (before === undefined) return structLike(koffi, type, name);
  const [its, ours] = [before, type].map((each) => describe(koffi, each));
  const keys = ({ members }) => Object.keys(members ?? {}).join();
  if (its.primitive !== 'Record' || its.size !== ours.size || keys(its) !== keys(ours)) {
    checkMeaning(name, `'${its.name}'`, `a struct like '${ours.name}'`);
  }
  return before;
}

module.exports = { EACH, namedStruct, ownedPlaces, replaceAt, resultBase, structBase };
