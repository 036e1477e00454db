'use strict';
// What all peers without ffi-tally share: the C functions of a resource, through plain Koffi.

const koffi = require('koffi');

module.exports = function open({ file, type, make, free, size }) {
  const library = koffi.load(file);
  koffi.opaque(type);
  const sizeFunction = typeof size === 'string' ? library.func(`size_t ${size}(const ${type} *thing)`) : size;
  return {
    make: library.func(make(`${type} *`)),
    free: library.func(`void ${free}(${type} *thing)`),
    freeAddress: library.symbol(free),
    sizeOf: sizeFunction,
    func: (prototype) => library.func(prototype),
  };
};
