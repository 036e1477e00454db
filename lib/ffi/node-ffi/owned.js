'use strict';
// Owned types as they stand in signatures: objects, in place of the names of types that node:ffi knows.

const { checkName, ownedType } = require('../../ownership/declare/owned-type');
const { UnsupportedError } = require('../../support/errors');

// All that Node passes as a pointer, and so all that may be given a tracked one.
const POINTERS = ['pointer', 'ptr', 'string', 'str', 'buffer', 'arraybuffer', 'function'];

const roles = new WeakMap(); // what stands in signatures -> { role, owned }

class Place {
  constructor(name, role, owned) {
    this.name = name;
    roles.set(this, { role, owned });
    if (role !== 'consume') Object.freeze(this);
  }
}

/** An owned type. By itself it means that ownership moves; its members are the other forms, for parameters. */
class NodeOwnedType extends Place {
  constructor(owned) {
    const { name } = owned;
    super(name, 'consume', owned);
    this.borrowed = new Place(`${name}.borrowed`, 'borrow', owned);
    this.out = new Place(`${name}.out`, 'out', owned);
    this.inout = new Place(`${name}.inout`, 'inout', owned);
    Object.freeze(this);
  }
}

function declareOwned(registry, name, options) {
  checkName(name);
  // C's types have no names here: a type that is owned stands for what it points to.
  const owned = ownedType(name, { name, size: 0 }, options);
  registry.check(owned);
  registry.add(owned);
  return new NodeOwnedType(owned);
}

/** null, or the role of a parameter as makePlan() takes it. */
function roleOf(type) {
  const place = roles.get(type);
  if (place === undefined) return POINTERS.includes(type) ? { role: 'borrow', base: 'void' } : null;
  const { role, owned } = place;
  return role === 'borrow' ? { role, base: owned.base, expected: owned.name } : place;
}

/** The owned type of a result, or undefined. */
function resultOf(type, where) {
  const place = roles.get(type);
  if (place === undefined || place.role === 'consume') return place?.owned;
  throw new UnsupportedError(
    `'${type.name}' is for parameters: ${where} is '${place.owned.name}' or 'pointer'`,
  );
}

/** The name that Node knows in place of `type`. */
const nativeType = (type) => (roles.has(type) ? 'pointer' : type);

module.exports = { POINTERS, declareOwned, nativeType, resultOf, roleOf };
