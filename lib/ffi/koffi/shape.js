'use strict';
// Tracked pointers inside of what Koffi converts as a whole: in arrays and in members of structs.

const { PointerParam } = require('../../ownership/call/arguments');
const { access } = require('../../pointers/tracked-pointer');
const { describe, pointee } = require('./dialect');
const { lentCallback } = require('./memory');

/** What takes the place of a pointer of type `type` where one may be tracked, { base, expected, lent }; else undefined. */
function pointerTo(koffi, registry, type) {
  const { name, primitive } = describe(koffi, type);
  if (primitive === 'Callback') {
    return registry.callbacks > 0 ? { base: name, expected: name, lent: lentCallback } : undefined;
  }
  const base = pointee(koffi, type)?.name;
  return base !== undefined && registry.mayLend(base) ? { base, expected: `${base} *` } : undefined;
}

const INSIDE = 'what is in ';

class Shape {
  #record = null; // the shapes of the members of a struct, or of a pointer to one, by name
  #element = null; // the shape of what is in an array, or in one that is passed for a pointer
  #param = null;
  #isPointer = false;
  #isUnion = false;

  constructor(koffi, registry, type, where, shapes) {
    const { name, primitive, members, ref } = describe(koffi, type);
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

  /** Whether a tracked pointer may be in there, if not at the top. */
  holds(seen = new Set([this])) {
    const inside = [...(this.#record?.values() ?? []), this.#element];
    return inside.some((shape) => {
      if (shape === null || seen.has(shape)) return false;
      seen.add(shape);
      return shape.#param !== null || shape.holds(seen);
    });
  }

  /** `value`, or a copy with addresses in place of tracked pointers, which are lent to the call. */
  convert(value) {
    if (typeof value !== 'object' || value === null) return value;
    if (access.isTracked(value)) return this.#param === null ? value : access.lend(value, this.#param);
    if (Array.isArray(value)) return this.#element === null ? value : this.#convertElements(value);
    const record = this.#membersOf(value);
    return record === null ? value : this.#convertMembers(value, record);
  }

  // The shapes of the members of `value`, an object; null where there are none to look at.
  #membersOf(value) {
    const shape = this.#isPointer ? this.#element : this; // whose record, of a type that contains itself, comes late
    const isUnion = shape.#isUnion && Object.keys(value).length === 0; // one of Koffi's, which tells no other member
    return isUnion || ArrayBuffer.isView(value) ? null : shape.#record;
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

  #convertElements(list) {
    let copy = null;
    for (let i = 0; i < list.length; i++) {
      const converted = this.#element.convert(list[i]);
      if (converted !== list[i]) (copy ??= list.slice())[i] = converted;
    }
    return copy ?? list;
  }

  #convertMembers(object, record) {
    let isChanged = false;
    const copy = {};
    for (const [name, shape] of record) {
      const value = object[name];
      if (value === undefined) continue; // of a union there is one member
      copy[name] = shape.convert(value);
      if (copy[name] !== value) isChanged = true;
    }
    return isChanged ? copy : object;
  }
}

/** What converts the argument `where` of type `type`, if tracked pointers may be inside; otherwise undefined. */
function shapeOf(koffi, registry, type, where) {
  const shape = new Shape(koffi, registry, type, where, new Map());
  return shape.holds() ? shape : undefined;
}

module.exports = { shapeOf };
