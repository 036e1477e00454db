'use strict';
// node:ffi's functions on memory, with a tracked pointer wherever they take a pointer.

const { access } = require('../../pointers/tracked-pointer');

// The number of the argument that is the pointer: for get...(), set...() and to...() the first.
function pointerAt(name) {
  if (/^export[A-Z]/.test(name)) return 1;
  return name !== 'getRawPointer' && name !== 'getCurrentEventLoop' && /^([gs]et|to)[A-Z]/.test(name)
    ? 0
    : -1;
}

function accepting(func, at) {
  const accepts = function (...args) {
    if (access.isTracked(args[at])) args[at] = args[at].address;
    return func(...args);
  };
  Object.defineProperty(accepts, 'name', { value: func.name, configurable: true });
  return accepts;
}

/** The replacements for `ffi`'s functions on memory. */
function onMemory(ffi) {
  const replaced = {};
  for (const [name, func] of Object.entries(ffi)) {
    const at = pointerAt(name);
    if (at >= 0 && typeof func === 'function') replaced[name] = accepting(func, at);
  }
  return Object.assign(replaced, {
    toArrayBuffer(pointer, length, copy = true) {
      const viewed = !copy && access.isTracked(pointer);
      return viewed ? pointer.view(length) : accepting(ffi.toArrayBuffer, 0)(pointer, length, copy);
    },

    toBuffer(pointer, length, copy = true) {
      const viewed = !copy && access.isTracked(pointer);
      return viewed ? Buffer.from(pointer.view(length)) : accepting(ffi.toBuffer, 0)(pointer, length, copy);
    },
  });
}

module.exports = { onMemory };
