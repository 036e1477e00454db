'use strict';
// A Jest environment in which a test fails that leaves tracked pointers behind. It sits outside of the tests because
// only there a test is over: hooks of a set-up file would come before the test file's own.

const { TestEnvironment } = require('jest-environment-node');

const COPIES = Symbol.for('ffi-tally.copies');

class LeakEnvironment extends TestEnvironment {
  #copies = [];
  #before = [];

  async setup() {
    await super.setup();
    this.global[COPIES] = this.#copies;
  }

  async teardown() {
    this.#copies = [];
    this.#before = [];
    await super.teardown();
  }

  async handleTestEvent(event) {
    if (event.name === 'test_start') this.#before = this.#copies.map(({ stats }) => stats());
    if (event.name !== 'test_done' || event.test.errors.length > 0) return; // whatever failed may not have cleaned up
    for (const [index, { assertNoLeaks }] of this.#copies.entries()) {
      try {
        await assertNoLeaks(this.#before[index]); // one loaded by the test itself had nothing before
      } catch (error) {
        event.test.errors.push(error);
      }
    }
  }
}

module.exports = LeakEnvironment;
