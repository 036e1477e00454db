'use strict';
// Everything that a koffi exports, plus ownership.

const binding = require('../../binding');
const { ArgumentTypeError } = require('../../support/errors');
const { toAddress } = require('../../pointers/destructors');
const { access } = require('../../pointers/tracked-pointer');
const { declareOwned } = require('./declare');
const { describe } = require('./dialect');
const { ffiOf } = require('./ffi');
const { FunctionPointers } = require('./function-pointers');
const { withOwnedFunctions } = require('./library');
const { onMemory } = require('./memory');
const { KoffiRegistry } = require('./registry');
const { OwnedString } = require('./strings');

const dropIns = new WeakMap();

function declare(koffi, registry, name, type, options) {
  if (typeof name === 'string' && name !== '' && describe(koffi, type).primitive.startsWith('String')) {
    let string = registry.string(name);
    if (string === undefined)
      registry.addString((string = new OwnedString(koffi, name, type, options ?? {})));
    else string.again(type, options ?? {});
    return string.type;
  }
  const declared = declareOwned(koffi, registry, name, type, options);
  registry.add(declared.owned);
  return declared.type;
}

/** koffi.decode(), which makes functions of prototypes, too. */
function decoding(decode, functions) {
  const decodes = (...args) => {
    const value = decode(...args);
    if (typeof value !== 'function') return value;
    const [at, offset] = typeof args[1] === 'number' ? [args[0], args[1]] : [args[0], 0];
    const spec = typeof args[1] === 'number' ? args[2] : args[1];
    const address = toAddress(access.isTracked(at) ? at.address : at);
    return functions.declared(value, spec, address === undefined ? undefined : address + BigInt(offset));
  };
  return Object.assign(decodes, decode);
}

function extend(koffi) {
  binding.lendFfi(ffiOf(koffi));
  const registry = new KoffiRegistry();
  const functions = new FunctionPointers(koffi, registry);
  const memory = onMemory(koffi, registry);
  return {
    ...memory,
    call: (...args) => functions.call(args),
    decode: decoding(memory.decode, functions),
    load: (...args) => withOwnedFunctions(koffi, registry, koffi.load(...args), args[0]),
    owned: (name, type, options) => declare(koffi, registry, name, type, options),
    out: (...args) => registry.noteDirection(koffi.out(...args), 'out'),
    inout: (...args) => registry.noteDirection(koffi.inout(...args), 'inout'),
    reset(...args) {
      registry.clear();
      return koffi.reset(...args);
    },
  };
}

/** `koffi` with ownership: a new object, the same for the same koffi. */
function withOwnership(koffi) {
  if (typeof koffi?.load !== 'function' || typeof koffi?.pointer !== 'function') {
    throw new ArgumentTypeError(koffi, 'koffi', `what require('koffi') returns`);
  }
  if (dropIns.get(koffi) === koffi) return koffi;
  const original = koffi.default?.load === undefined ? koffi : koffi.default;
  let dropIn = dropIns.get(original);
  if (dropIn === undefined) {
    dropIn = Object.create(Object.getPrototypeOf(original), Object.getOwnPropertyDescriptors(original));
    for (const [name, value] of Object.entries(extend(original))) {
      if (typeof value === 'function' && typeof original[name] === 'function') {
        Object.defineProperty(value, 'name', { value: original[name].name, configurable: true });
      }
      Object.defineProperty(dropIn, name, { value, writable: true, enumerable: true, configurable: true });
    }
    dropIns.set(original, dropIn);
    dropIns.set(dropIn, dropIn);
  }
  return dropIn;
}

module.exports = { withOwnership };
