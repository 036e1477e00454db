'use strict';
// The environment of a test file whose assertions are about processes that it starts, or about code that has no part in
// collections: they are the same whether or not Jest has gc(), so scripts/test.js runs the file once. Its first line asks
// for it:  /** @jest-environment ./test/support/once.js */

const { TestEnvironment } = require('jest-environment-node');

// Jest loads addons by the require() that we have here too.
const addonIsLoaded = () => Object.keys(require.cache).some((file) => file.endsWith('ffi_tally.node'));

module.exports = class Once extends TestEnvironment {
  #others = addonIsLoaded(); // in band, where all files have one process

  async teardown() {
    await super.teardown();
    if (!this.#others && addonIsLoaded()) {
      throw new Error(
        'This file uses the addon in the process of Jest, and so may not be one that runs once',
      );
    }
  }
};
