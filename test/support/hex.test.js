/** @jest-environment ./test/support/once.js */
'use strict';

const { hex } = require('../../lib/support/hex.js');

test.each([0n, 1n, 0xffffffffn, 0x100000000n, 0x7f0012345678n, 0x100000001n, 2n ** 64n - 1n])(
  '%p',
  (address) => {
    expect(hex(address)).toBe(`0x${address.toString(16)}`);
  },
);
