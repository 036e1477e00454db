'use strict';
// The way to a size that counts what the call has allocated.

const binding = require('../../binding');
const { warn } = require('../../books/unowned');
const { adoptBlock, madeBytes, take } = require('./counting');

class Exact {
  how = 'exact';
  delta = null;
  #label;
  #isStruct;

  /** `owned` is the type. */
  constructor({ name, struct }) {
    this.#label = name;
    this.#isStruct = struct !== undefined;
  }

  due() {
    return false;
  }

  /** The bytes of a new pointer. Of one whose call was not counted, those of its block. */
  of(address) {
    const account = take();
    return this.counted(account === 0 ? binding.countedBytes(address) : madeBytes(), address, account);
  }

  /** The bytes of one whose call has allocated as many, for that account. */
  counted(bytes, address, account) {
    if (bytes === 0) {
      const adopted = adoptBlock(address, account);
      if (adopted !== undefined) return adopted;
      if (this.#isStruct) return 0; // it lies in memory of JavaScript, and C may add to it later
      if (binding.countedBytes(address) !== 0) return 0; // one more reference to what was counted before
      warn(
        'FFI_TALLY_NOT_COUNTED',
        this.#label,
        `The call that made a '${this.#label}' has allocated nothing that could be counted`,
        'The library may have an allocator of its own, or memory that is mapped: then write a size.',
      );
    }
    return bytes;
  }
}

module.exports = { Exact };
