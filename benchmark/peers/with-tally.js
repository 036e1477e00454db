'use strict';
// What the peers with ffi-tally share: the drop-in, with ownership in the prototype.

module.exports = function withTally({ file, type, make, free, size }, end) {
  const koffi = require('../../lib/ffi/koffi');
  const { collect, stats } = require('../../lib');
  const library = koffi.load(file);
  koffi.opaque(type);
  koffi.owned(`Owned${type}`, `${type} *`, { free, size });
  return {
    make: library.func(make(`Owned${type}`)),
    end,
    pass: (pointer) => pointer,
    func: (prototype) => library.func(prototype),
    collect,
    stats,
  };
};
