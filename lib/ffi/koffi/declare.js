'use strict';
// koffi.owned(): a type of Koffi's that stands for ownership.

const { checkName, ownedType } = require('../../ownership/declare/owned-type');
const { UnsupportedError } = require('../../support/errors');
const { describe, integerBase, namedInteger, namedPointer, pointee } = require('./dialect');
const { namedStruct, structBase } = require('./structs');

/** Declares the owned type `name` over `type`, a pointer, a struct or an integer. Returns { owned, type }. */
function declareOwned(koffi, registry, name, type, options) {
  checkName(name);
  const base = pointee(koffi, type) ?? integerBase(koffi, type) ?? structBase(koffi, registry, type);
  if (base === undefined) {
    const { name: given } = describe(koffi, type);
    throw new UnsupportedError(
      `Cannot own '${given}': expected a pointer type such as 'Image *' or 'void *', a struct, or an integer`,
    );
  }
  const owned = ownedType(name, base, options);
  registry.check(owned);
  if (owned.struct !== undefined) return { owned, type: namedStruct(koffi, name, type) };
  const named =
    owned.integer === undefined ? namedPointer(koffi, name, base.raw) : namedInteger(koffi, name, type);
  return { owned, type: named };
}

module.exports = { declareOwned };
