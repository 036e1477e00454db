'use strict';
// Turns the audit on: from then on every function that any drop-in here declares is measured.

const hook = require('../../pointers/observer-hook');
const { CallProbe } = require('./call-probe');

const OF_KOFFI = {
  alloc: {
    name: 'koffi.alloc',
    signature: 'void *koffi.alloc(type, length)',
    gives: 'pointer',
    base: 'void',
  },
  free: { name: 'koffi.free', signature: 'void koffi.free(void *pointer)' },
};

function makeObserver(probe) {
  const books = new WeakMap();
  const own = {};
  return {
    declared(func, facts) {
      const book = probe.books.add(facts);
      const measured = (...args) => probe.call(book, func, args);
      Object.defineProperties(measured, {
        name: { value: func.name, configurable: true },
        length: { value: func.length, configurable: true },
      });
      measured.info = func.info;
      if (typeof func.async === 'function') {
        measured.async = (...args) => probe.callAsync(book, func.async, args);
      }
      books.set(measured, book);
      return measured;
    },

    call(name, func, args) {
      own[name] ??= probe.books.add({ ...OF_KOFFI[name], library: 'koffi' });
      return probe.call(own[name], func, args);
    },

    owns(func, label) {
      books.get(func).label = label;
    },

    adopted(address, label) {
      probe.books.adopt(address, label);
    },
  };
}

/** The probe of this environment, which runs from the first call on. */
function turnOn() {
  if (hook.observer === null) {
    const probe = new CallProbe();
    hook.observer = { ...makeObserver(probe), probe };
  }
  return hook.observer.probe;
}

module.exports = { turnOn };
