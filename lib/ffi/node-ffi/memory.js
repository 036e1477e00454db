'use strict';
// node:ffi's functions on memory, with a tracked pointer wherever they take a pointer.

const { named } = require('../../ownership/call/written');
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
  return named(accepts, func);
}

/** The replacements for `ffi`'s functions on memory. */
function onMemory(ffi) {
  const replaced = {};
  for (const [name, func] of Object.entries(ffi)) {
    const at = pointerAt(name);
    if (at >= 0 && typeof func === 'function') replaced[name] = accepting(func, at);
  }
  const viewing = (func, over) => {
    const copying = accepting(func, 0);
    const views = (pointer, length, copy = true) =>
      !copy && access.isTracked(pointer) ? over(pointer.view(length)) : copying(pointer, length, copy);
    return named(views, func);
  };
  return Object.assign(replaced, {
    toArrayBuffer: viewing(ffi.toArrayBuffer, (buffer) => buffer),
    toBuffer: viewing(ffi.toBuffer, (buffer) => Buffer.from(buffer)),
  });
}

module.exports = { onMemory };
