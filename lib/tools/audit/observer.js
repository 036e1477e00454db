'use strict';
// Turns the audit on: from then on every function that any drop-in here declares is measured.

const seat = require('../../pointers/observer-hook');
const { Meter } = require('./meter');

const OF_KOFFI = {
  alloc: {
    name: 'koffi.alloc',
    signature: 'void *koffi.alloc(type, length)',
    gives: 'pointer',
    base: 'void',
  },
  free: { name: 'koffi.free', signature: 'void koffi.free(void *pointer)' },
};

function makeObserver(meter) {
  const books = new WeakMap();
  const own = {};
  return {
    declared(func, facts) {
      const book = meter.books.add(facts);
      const measured = (...args) => meter.call(book, func, args);
      Object.defineProperties(measured, {
        name: { value: func.name, configurable: true },
        length: { value: func.length, configurable: true },
      });
      measured.info = func.info;
      if (typeof func.async === 'function') {
        measured.async = (...args) => meter.callAsync(book, func.async, args);
      }
      books.set(measured, book);
      return measured;
    },

    call(name, func, args) {
      own[name] ??= meter.books.add({ ...OF_KOFFI[name], library: 'koffi' });
      return meter.call(own[name], func, args);
    },

    owns(func, label) {
      books.get(func).label = label;
    },

    adopted(address, label) {
      meter.books.adopt(address, label);
    },
  };
}

/** The meter of this environment, which runs from the first call on. */
function turnOn() {
  if (seat.observer === null) {
    const meter = new Meter();
    seat.observer = { ...makeObserver(meter), meter };
  }
  return seat.observer.meter;
}

module.exports = { turnOn };
