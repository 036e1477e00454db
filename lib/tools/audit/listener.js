'use strict';
// Turns the audit on: from then on every function that any drop-in here declares is marked when it is called.

const { performance } = require('node:perf_hooks');
const binding = require('../../binding');
const hook = require('../../pointers/observer-hook');
const { Calls } = require('./calls');
const { guessedFree } = require('./candidates');
const { Maker } = require('./maker');
const { Metering, standIn } = require('./watched');

const OF_KOFFI = {
  alloc: {
    name: 'koffi.alloc',
    signature: 'void *koffi.alloc(type, length)',
    gives: 'pointer',
    base: 'void',
  },
  free: { name: 'koffi.free', signature: 'void koffi.free(void *pointer)' },
};

class Listener {
  calls = new Calls();
  startedAt = performance.now();
  #ofFunction = new WeakMap();
  #ofKoffi = {};
  #metering = new Metering(binding.auditOn);

  declared(func, facts) {
    const maker = this.calls.add(new Maker({ ...facts, guess: guessedFree(facts) }));
    const problem = this.#metering.problemOf(facts);
    if (problem !== undefined) maker.refuse(problem);
    const audited = standIn(
      func,
      (...args) => this.calls.call(maker, func, args),
      (...args) => this.calls.callAsync(maker, func.async, args),
    );
    maker.entry = audited;
    this.#ofFunction.set(audited, maker);
    return audited;
  }

  call(name, func, args) {
    const maker = (this.#ofKoffi[name] ??= this.calls.add(
      new Maker({ ...OF_KOFFI[name], library: 'koffi' }),
    ));
    maker.entry = this.call;
    return this.calls.call(maker, func, args);
  }

  owns(func, label) {
    this.#ofFunction.get(func).own(label);
  }

  adopted(address) {
    binding.auditTracked(address);
  }
}

/** The listener of this environment, which is there from the first call on. */
function turnOn() {
  if (hook.observer === null) {
    binding.auditOn();
    hook.observer = new Listener();
  }
  return hook.observer;
}

module.exports = { turnOn };
