'use strict';
// koffi.owned(): a pointer type of Koffi's that stands for ownership.

const { checkName, ownedType } = require('../../ownership/declare/owned-type');
const { UnsupportedError } = require('../../support/errors');
const { describe, namedPointer, pointee } = require('./dialect');

/** Declares the owned type `name` over the pointer type `type`. Returns { owned, type }. */
function declareOwned(koffi, registry, name, type, options) {
  checkName(name);
  const base = pointee(koffi, type);
  if (base === undefined) {
    const { name: given } = describe(koffi, type);
    throw new UnsupportedError(
      `Cannot own '${given}': expected a pointer type such as 'Image *' or 'void *'`,
    );
  }
  const owned = ownedType(name, base, options);
  registry.check(owned);
  return { owned, type: namedPointer(koffi, name, base.raw) };
}

module.exports = { declareOwned };
