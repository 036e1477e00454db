'use strict';
// Calls back from registries in V8's stead, in either order. Prints what is freed, and left.

const calls = [];
globalThis.FinalizationRegistry = class {
  #callback;
  #values = new Set();

  constructor(callback) {
    this.#callback = callback;
    calls.push(this);
  }

  register(object, value) {
    this.#values.add(value);
  }

  unregister(value) {
    this.#values.delete(value);
  }

  call() {
    const values = [...this.#values];
    this.#values.clear();
    for (const value of values) this.#callback(value);
  }
};

const { stats, track } = require('../../../lib');
const { FREE, counters, make } = require('../../support/things.js');

const turn = () => new Promise(setImmediate);

async function main() {
  const found = [];
  for (const order of [calls, [...calls].reverse()]) {
    for (let i = 0; i < 10; i++) track(make(64), { size: 70_000, free: FREE });
    stats();
    for (const registry of order) {
      registry.call();
      for (let i = 0; i < 5; i++) await turn();
    }
    found.push([counters().freed, stats().pointers]);
  }
  console.log(JSON.stringify(found));
}

main();
