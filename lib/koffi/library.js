'use strict';
// koffi.load, with ownership in the prototypes of the functions it declares.

const { addresses } = require('../destructors');
const { unpinIdle } = require('../kinds');
const nursery = require('../nursery');
const { symbolAddress } = require('./dialect');
const { planFor } = require('./plan');
const { wrap } = require('./wrap');

function isOptions(value) {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Splits the arguments of lib.func(): ours at the end, Koffi's before. */
function split(args) {
  const last = args[args.length - 1];
  const options = args.length > 1 && !Array.isArray(last) && isOptions(last) ? last : undefined;
  const theirs = options === undefined ? args : args.slice(0, -1);
  const list = theirs[theirs.length - 1];
  const definition = typeof theirs[0] === 'string' && theirs.length === 1 ? theirs[0] : undefined;
  return { options, theirs, definition, list: Array.isArray(list) ? list : [] };
}

/** Puts ownership into the functions that `library`, just loaded, will declare. */
function withOwnedFunctions(koffi, registry, library) {
  const { func, unload } = library;

  function declare(...args) {
    const { options, theirs, definition, list } = split(args);
    const raw = func.apply(library, theirs);
    const plan = planFor({
      koffi,
      registry,
      library,
      declare: func,
      raw,
      definition,
      directions: list.map((type) => registry.directionOf(type)),
      variadic: definition === undefined ? list.includes('...') : definition.includes('...'),
      options,
    });
    const declared = plan === null ? raw : wrap(raw, plan);
    // A destructor given as this function can be called without JavaScript.
    if (raw.info.arguments.length === 1 && typeof raw.info.name === 'string') {
      addresses.set(declared, () => symbolAddress(koffi, library, raw.info.name));
    }
    return declared;
  }

  const replace = (name, value) =>
    Object.defineProperty(library, name, { value, writable: true, configurable: true, enumerable: false });
  replace('func', declare);
  replace('unload', () => {
    nursery.flush(); // pins the libraries of whatever is in it
    registry.forget(library);
    unload.call(library);
    unpinIdle();
  });
  return library;
}

module.exports = { withOwnedFunctions };
