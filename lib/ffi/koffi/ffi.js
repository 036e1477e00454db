'use strict';
// Koffi as the JavaScript backend calls C through it: see ../../binding/javascript/c.js.

const { types } = require('node:util');
const { addressOf, symbolAddress, toKoffiPointer } = require('./dialect');

let count = 0;

// Koffi 2 wants a name for every prototype, and each only once in a process.
function makeProto(koffi, result, parameters) {
  if (koffi.type !== undefined) return koffi.proto(result, parameters);
  for (;;) {
    try {
      return koffi.proto(`ffi_tally_destructor_${count++}`, result, parameters);
    } catch (error) {
      if (!/duplicate/i.test(error.message)) throw error;
    }
  }
}

/** `koffi` as an FFI. */
function ffiOf(koffi) {
  let loaded;
  // What Node itself has loaded, the C library included, which on Windows must be named.
  const self = () => (loaded ??= koffi.load(process.platform === 'win32' ? 'ucrtbase.dll' : null));
  return {
    problem:
      koffi.type === undefined
        ? 'Without its native part ffi-tally cannot tell the types of Koffi 2 apart: install Koffi 3'
        : undefined,
    addressOf(external) {
      if (!types.isExternal(external)) return undefined;
      try {
        return addressOf(koffi, external);
      } catch {
        return undefined; // of another Koffi
      }
    },
    symbol: (name) => symbolAddress(koffi, self(), name),
    func: (name, result, parameters) => self().func(name, result, parameters),
    callable(address, result, parameters) {
      const proto = makeProto(koffi, result, parameters);
      const pointer = toKoffiPointer(koffi, address);
      return (...values) => koffi.call(pointer, proto, ...values);
    },
  };
}

module.exports = { ffiOf };
