'use strict';
// Tracked pointers inside of what Koffi converts as a whole: in arrays and in members of structs.

const { PointerParam } = require('../../ownership/call/arguments');
const { isChangeable } = require('../../ownership/call/change');
const { IntegerBase } = require('../../ownership/declare/owned-type');
const { access } = require('../../pointers/tracked-pointer');
const { TypeMismatchError } = require('../../support/errors');
const { describe, integerBase, pointee, toKoffiPointer } = require('./dialect');
const { lentCallback } = require('./memory');
const { EACH } = require('./structs');

/** The same as below for an integer. What is owned as one of another type, if `refuses`, has our error, not Koffi's. */
function lentInteger(koffi, registry, type, refuses = false) {
  const { name, primitive } = describe(koffi, type);
  const isOwned = registry.mayLendAs(IntegerBase.nameOf(primitive));
  if (!isOwned && !(refuses && registry.ownsIntegers)) return undefined;
  const { name: base, integer } = integerBase(koffi, type) ?? {};
  if (integer === undefined) return undefined;
  // What track() has tracked may be an integer, or a pointer, which would be cut.
  const lent = (pointer, address) => {
    if (access.kindOf(pointer).type !== null || asUintN(64, BigInt(integer.told(address))) === address)
      return address;
    throw new TypeMismatchError(`'${pointer.label}'`, `'${name}'`, 'an integer');
  };
  return { base, expected: name, lent, isOwned };
}

/** What takes the place of a pointer of type `type` where one may be tracked, { base, expected, lent }; else undefined. */
function pointerTo(koffi, registry, type) {
  const { name, primitive } = describe(koffi, type);
  if (primitive === 'Callback') {
    return registry.callbacks > 0 ? { base: name, expected: name, lent: lentCallback } : undefined;
  }
  const base = registry.get(name)?.base ?? pointee(koffi, type)?.name;
  if (primitive === 'Record') return lentStruct(koffi, registry, type);
  if (base === undefined || registry.get(name)?.integer) return lentInteger(koffi, registry, type);
  return registry.mayLend(base) ? { base, expected: `${base} *` } : undefined;
}

/** The same for a struct, which is passed by value. */
function lentStruct(koffi, registry, type) {
  const { name } = describe(koffi, type);
  if (!registry.mayLendAs(name)) return undefined;
  const lent = (pointer, address) =>
    access.kindOf(pointer).type?.struct?.read(address) ?? koffi.decode(toKoffiPointer(koffi, address), type);
  return { base: name, expected: name, lent };
}

const { asUintN } = BigInt;
const INSIDE = 'what is in ';

class Shape {
  #record = null; // the shapes of the members of a struct, or of a pointer to one, by name
  #element = null; // the shape of what is in an array, or in one that is passed for a pointer
  #param = null;
  #isPointer = false;
  #isUnion = false;
  #where;
  #name;

  constructor(koffi, registry, type, where, shapes) {
    const { name, primitive, members, ref } = describe(koffi, type);
    [this.#where, this.#name] = [where, name];
    shapes.set(name, this);
    this.#isUnion = primitive === 'Union';
    const inside = where.startsWith(INSIDE) ? where : `${INSIDE}${where}`;
    const shapeOf = (part) =>
      shapes.get(describe(koffi, part).name) ?? new Shape(koffi, registry, part, inside, shapes);
    const pointer = pointerTo(koffi, registry, type);
    if (pointer !== undefined) {
      const { base, expected, lent } = pointer;
      this.#param = new PointerParam(where, expected, (owned) => owned.fits(base), lent);
    }
    if (members !== undefined) {
      const each = Object.entries(members);
      this.#record = new Map(each.map(([key, member]) => [key, shapeOf(member.type)]));
    }
    if (ref === undefined || (primitive !== 'Array' && primitive !== 'Pointer')) return;
    this.#element = shapeOf(ref);
    this.#isPointer = primitive === 'Pointer';
  }

  /** Whether a tracked pointer may be in there, or in its place, if it is a struct. */
  holds(seen = new Set([this])) {
    if (this.#record !== null && this.#param !== null) return true;
    const inside = [...(this.#record?.values() ?? []), this.#element];
    return inside.some((shape) => {
      if (shape === null || seen.has(shape)) return false;
      seen.add(shape);
      return shape.#param !== null || shape.holds(seen);
    });
  }

  /** A copy of `value`, which may say something else when it is asked again; with what `own(pointer, param)` makes of pointers. */
  #copy(value, own) {
    if (typeof value !== 'object' || value === null) return value;
    if (access.isTracked(value)) {
      if (this.#param !== null) return own(value, this.#param);
      throw new TypeMismatchError(`'${access.kindOf(value).label}'`, `'${this.#name}'`, this.#where);
    }
    const copy = Array.isArray(value) ? [] : {};
    if (Array.isArray(value)) {
      if (this.#element === null) return value;
      for (let i = 0; i < value.length; i++) copy.push(this.#element.#copy(value[i], own));
      return copy;
    }
    const record = this.#membersOf(value);
    if (record === null) return value;
    for (const [name, shape] of record) {
      const member = value[name];
      if (member !== undefined) copy[name] = shape.#copy(member, own); // of a union there is one member
    }
    return copy;
  }

  copyOf(value) {
    return this.#copy(value, (pointer) => pointer);
  }

  /** A copy with addresses in place of tracked pointers, which are lent to the call. */
  convert(value) {
    return this.#copy(value, access.lend);
  }

  // The shapes of the members of `value`, an object; null where there are none to look at.
  #membersOf(value) {
    const shape = this.#isPointer ? this.#element : this; // whose record, of a type that contains itself, comes late
    const isUnion = shape.#isUnion && Object.keys(value).length === 0; // one of Koffi's, which tells no other member
    return isUnion || !isChangeable(value) ? null : shape.#record;
  }

  /** Calls `see` for all that convert() looks at. */
  each(value, see, seen = new Set()) {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    see(value);
    if (access.isTracked(value)) return;
    if (Array.isArray(value)) {
      if (this.#element !== null) for (const each of value) this.#element.each(each, see, seen);
      return;
    }
    for (const [name, shape] of this.#membersOf(value) ?? []) shape.each(value[name], see, seen);
  }
}

/** What copies a value of type `type`, but for what is in unions, or behind pointers. */
function copier(koffi, type) {
  const { primitive, members, ref } = describe(koffi, type);
  if (primitive === 'Array') {
    const copy = copier(koffi, ref);
    return (value) => (Array.isArray(value) ? value.map((each) => copy(each)) : value);
  }
  if (primitive !== 'Record') return (value) => value;
  const copies = Object.entries(members).map(([name, member]) => [name, copier(koffi, member.type)]);
  return (value) => {
    if (!isChangeable(value) || Array.isArray(value)) return value;
    const read = copies.map(([name, copy]) => [name, copy(value[name])]);
    return Object.fromEntries(read.filter(([, member]) => member !== undefined));
  };
}

/** Where there may be tracked pointers in what C changes, a value of type `type` in the argument `where`: see Changes. */
function changedPlaces(koffi, registry, type, where, path = []) {
  const { name, primitive, members, ref } = describe(koffi, type);
  const owned = registry.get(name);
  if (owned !== undefined) return [{ path, owned, isInteger: owned.integer !== undefined }];
  const inside = (part, key) => changedPlaces(koffi, registry, part, where, [...path, key]);
  if (primitive === 'Array') return inside(ref, EACH);
  if (primitive === 'Record') {
    return Object.entries(members).flatMap(([key, member]) => inside(member.type, key));
  }
  const lent = pointerTo(koffi, registry, type);
  if (lent === undefined) return [];
  const { base, expected, lent: instead } = lent;
  const param = new PointerParam(`${INSIDE}${where}`, expected, (given) => given.fits(base), instead);
  return [{ path, param, isInteger: pointee(koffi, type) === undefined && primitive !== 'Callback' }];
}

/** What converts the argument `where` of type `type`, if tracked pointers may be inside; otherwise undefined. */
function shapeOf(koffi, registry, type, where) {
  const shape = new Shape(koffi, registry, type, where, new Map());
  return shape.holds() ? shape : undefined;
}

module.exports = { changedPlaces, copier, lentInteger, shapeOf };
