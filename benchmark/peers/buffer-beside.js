'use strict';
// The kludge without any addon: a Buffer of the same size, never touched, so that V8 feels the bytes.

const open = require('./plain');

module.exports = {
  title: 'FinalizationRegistry + Buffer.allocUnsafe',
  create(resource) {
    const { make, free, sizeOf, func } = open(resource);
    const registry = new FinalizationRegistry((address) => free(address));
    return {
      make(argument) {
        const address = make(argument);
        const object = { address, weight: Buffer.allocUnsafe(Number(sizeOf(address, argument))) };
        registry.register(object, address);
        return object;
      },
      end: () => {},
      pass: (object) => object.address,
      func,
    };
  },
};
