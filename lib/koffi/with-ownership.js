'use strict';
// Everything that a koffi exports, plus ownership.

const calls = require('../calls');
const { ArgumentTypeError } = require('../errors');
const { toKoffiPointer } = require('./dialect');
const { withOwnedFunctions } = require('./library');
const { declareOwned } = require('./owned-type');
const { Registry } = require('./registry');
const { internals } = require('../tracked-pointer');

const dropIns = new WeakMap();

// Koffi's functions on memory, with a tracked pointer wherever they take a pointer.
function onPointers(koffi, names) {
  const unwrap = (value) => (internals.isTracked(value) ? toKoffiPointer(koffi, value.address) : value);
  const accepting = (func) => {
    const accepts = function (value, ...rest) {
      return func(unwrap(value), ...rest);
    };
    Object.defineProperty(accepts, 'name', { value: func.name, configurable: true });
    for (const [name, member] of Object.entries(func)) {
      accepts[name] = typeof member === 'function' ? accepting(member) : member;
    }
    return accepts;
  };
  return Object.fromEntries(
    names.filter((name) => typeof koffi[name] === 'function').map((name) => [name, accepting(koffi[name])]),
  );
}

function counting(callback) {
  if (typeof callback !== 'function') return callback;
  return function (...args) {
    calls.callbacks++;
    return callback.apply(this, args);
  };
}

function extend(koffi) {
  const registry = new Registry();

  return {
    ...onPointers(koffi, ['address', 'as', 'call', 'decode', 'encode', 'view']),

    load(...args) {
      return withOwnedFunctions(koffi, registry, koffi.load(...args));
    },

    owned(name, type, options) {
      const declared = declareOwned(koffi, name, type, options);
      registry.add(declared.owned);
      return declared.type;
    },

    // A tracked pointer that is freed by hand is disposed, whatever its destructor is.
    free(value) {
      if (internals.isTracked(value)) value.dispose();
      else koffi.free(value);
    },

    out: (type) => registry.noteDirection(koffi.out(type), 'out'),
    inout: (type) => registry.noteDirection(koffi.inout(type), 'inout'),

    register(...args) {
      const at = typeof args[0] === 'function' ? 0 : 1;
      args[at] = counting(args[at]);
      return koffi.register(...args);
    },

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
  const original = koffi.default?.load === undefined ? koffi : koffi.default;
  let dropIn = dropIns.get(original);
  if (dropIn === undefined) {
    dropIn = Object.create(null);
    Object.defineProperties(dropIn, Object.getOwnPropertyDescriptors(original));
    for (const [name, value] of Object.entries(extend(original))) {
      Object.defineProperty(dropIn, name, { value, writable: true, enumerable: true, configurable: true });
    }
    Object.setPrototypeOf(dropIn, Object.getPrototypeOf(original));
    dropIns.set(original, dropIn);
    dropIns.set(dropIn, dropIn);
  }
  return dropIn;
}

module.exports = { withOwnership };
