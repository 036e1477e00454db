'use strict';
// The recipe without an addon around every pointer: a FinalizationRegistry, and V8 is told.

const { addon } = require('../paths');
const open = require('./plain');

module.exports = {
  title: 'FinalizationRegistry + adjust',
  create(resource) {
    const { adjust } = require(addon);
    const { make, free, sizeOf, func } = open(resource);
    const registry = new FinalizationRegistry(({ address, bytes }) => {
      free(address);
      adjust(-bytes);
    });
    return {
      make(argument) {
        const address = make(argument);
        const bytes = sizeOf(address, argument);
        const object = { address };
        registry.register(object, { address, bytes });
        adjust(bytes);
        return object;
      },
      end: () => {},
      pass: (object) => object.address,
      func,
    };
  },
};
