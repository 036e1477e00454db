'use strict';
// The shape of all addon peers: an object that holds the address, and a finalizer on it.

const open = require('./plain');

module.exports = function withAddon(attach) {
  return (resource) => {
    const { make, freeAddress, sizeOf, func } = open(resource);
    return {
      make(argument) {
        const address = make(argument);
        const object = { address };
        attach(object, address, sizeOf(address, argument), freeAddress);
        return object;
      },
      end: () => {},
      pass: (object) => object.address,
      func,
    };
  };
};
