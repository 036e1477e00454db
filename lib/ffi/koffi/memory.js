'use strict';
// Koffi's functions on memory and callbacks, with a tracked pointer wherever they take or make a pointer.

const binding = require('../../binding');
const calls = require('../../books/c-calls');
const { Form, kinds } = require('../../books/kinds');
const { NO_SLOT } = require('../../books/nursery');
const { OwnedType } = require('../../ownership/declare/owned-type');
const { adopt } = require('../../pointers/adopt');
const { direct } = require('../../pointers/destructors');
const { access } = require('../../pointers/tracked-pointer');
const { collect } = require('../../reclaim/collect');
const { announce } = require('../../reclaim/destroy');
const { checkOptions, checkSize } = require('../../support/check');
const { ArgumentValueError, OutOfMemoryError } = require('../../support/errors');
const { describe, toKoffiPointer } = require('./dialect');
const observe = require('./observe');

const OWNED = ['owned'];

// Koffi 2 knows its callbacks by External only, and takes them as it gave them.
const rawCallbacks = new WeakMap();

const lentCallback = (pointer, address) => rawCallbacks.get(pointer) ?? address;

/** `value` as Koffi itself takes it. */
function unwrap(koffi, value) {
  if (!access.isTracked(value)) return value;
  const { address } = value;
  return rawCallbacks.get(value) ?? toKoffiPointer(koffi, address);
}

function accepting(koffi, func) {
  const accepts = function (...args) {
    if (args.length > 0) args[0] = unwrap(koffi, args[0]);
    return func(...args);
  };
  Object.defineProperty(accepts, 'name', { value: func.name, configurable: true });
  for (const [name, member] of Object.entries(func)) {
    accepts[name] = typeof member === 'function' ? accepting(koffi, member) : member;
  }
  return accepts;
}

function takeOwned(args) {
  const last = args[args.length - 1];
  const isOptions = typeof last === 'object' && last !== null && Object.hasOwn(last, 'owned');
  if (!isOptions) return { owned: false, rest: args };
  checkOptions(last, OWNED);
  return { owned: last.owned === true, rest: args.slice(0, -1) };
}

/** alloc(type, length, { owned: true }): zeroed memory that belongs to its tracked pointer. */
function allocOwned(koffi, registry, type, length) {
  const { name, size } = describe(koffi, type);
  const bytes = size * checkSize(length, 'length');
  if (bytes === 0) throw new ArgumentValueError(bytes, 'length', 'memory of at least one byte');
  registry.addBase(name);
  const address = binding.allocate(checkSize(bytes, 'length'));
  if (address === 0n) throw new OutOfMemoryError();
  return adopt(address, bytes, kinds.of(`alloc ${name}`, direct(binding.freeBlock)), NO_SLOT, null);
}

// A callback that throws while a destructor runs has nobody to throw at: Koffi would throw the error at its
// next caller, whose own call has succeeded.
function guarded(callback) {
  if (typeof callback !== 'function') return callback;
  return function (...args) {
    if (!calls.isDestroying) return callback.apply(this, args);
    try {
      return callback.apply(this, args);
    } catch (error) {
      binding.noteThrow();
      queueMicrotask(() => announce('callback of a destructor', error));
      return 0;
    }
  };
}

/** register(callback, type, { owned: true }): a callback whose slot is given back by its end. */
function registerOwned(koffi, registry, args, type) {
  let raw;
  try {
    raw = koffi.register(...args);
  } catch (error) {
    // Slots are few, and weigh nothing that would ask for a collection.
    if (collect().pointers === 0) throw error;
    raw = koffi.register(...args);
  }
  const { name } = describe(koffi, type);
  const kind = registry.callbackKind(name, () =>
    kinds.make(
      `callback ${name}`,
      { form: Form.JAVASCRIPT, address: 0n, args: [], run: null },
      new OwnedType(`callback ${name}`, name, { free: null, size: 0 }),
    ),
  );
  const address = typeof raw === 'bigint' ? raw : koffi.address(raw);
  const pointer = adopt(address, 0, kind, NO_SLOT, () => koffi.unregister(raw));
  if (typeof raw !== 'bigint') rawCallbacks.set(pointer, raw);
  return pointer;
}

/** The replacements for `koffi`'s functions on memory and callbacks. */
function onMemory(koffi, registry) {
  const replaced = {};
  for (const name of ['address', 'as', 'decode', 'encode']) {
    if (typeof koffi[name] === 'function') replaced[name] = accepting(koffi, koffi[name]);
  }
  return Object.assign(replaced, {
    alloc(...args) {
      const { owned, rest } = takeOwned(args);
      return owned ? allocOwned(koffi, registry, ...rest) : observe.call('alloc', koffi.alloc, rest);
    },

    // A tracked pointer that is freed by hand is disposed, whatever its destructor is.
    free(...args) {
      if (access.isTracked(args[0])) args[0].dispose();
      else observe.call('free', koffi.free, args);
    },

    view(...args) {
      const [value, length] = args;
      return access.isTracked(value) ? value.view(length) : koffi.view(...args);
    },

    register(...args) {
      const { owned, rest } = takeOwned(args);
      const at = typeof rest[0] === 'function' ? 0 : 1;
      if (rest.length > at) rest[at] = guarded(rest[at]);
      return owned ? registerOwned(koffi, registry, rest, rest[at + 1]) : koffi.register(...rest);
    },

    unregister(...args) {
      if (access.isTracked(args[0])) args[0].dispose();
      else koffi.unregister(...args);
    },
  });
}

module.exports = { lentCallback, onMemory, unwrap };
