'use strict';
// Koffi's functions on memory and callbacks, with a tracked pointer wherever they take or make a pointer.

const binding = require('../../binding');
const calls = require('../../books/c-calls');
const { Form, kinds } = require('../../books/kinds');
const { NO_SLOT } = require('../../books/nursery');
const { OwnedType } = require('../../ownership/declare/owned-type');
const { adopt } = require('../../pointers/adopt');
const { direct } = require('../../pointers/destructors');
const { callUnmarked } = require('../../ownership/size/counting');
const { access } = require('../../pointers/tracked-pointer');
const { collect } = require('../../reclaim/collect');
const { announce } = require('../../reclaim/destroy');
const { checkBoolean, checkOptions, checkSize } = require('../../support/check');
const { ArgumentValueError, OutOfMemoryError, UnsupportedError } = require('../../support/errors');
const { Bounds, isOffset } = require('./bounds');
const { describe, toKoffiPointer } = require('./dialect');
const observe = require('./observe');

const OWNED = ['owned'];

// Koffi 2 knows its callbacks by External only, and takes them as it gave them.
const rawCallbacks = new WeakMap();

const lentCallback = (pointer, address) => rawCallbacks.get(pointer) ?? address;

// A tracked pointer as Koffi 2 takes it.
function unwrapForKoffi2(koffi, pointer) {
  const { address } = pointer;
  const callback = access.kindOf(pointer).form === Form.JAVASCRIPT ? rawCallbacks.get(pointer) : undefined;
  return callback ?? toKoffiPointer(koffi, address);
}

/** A tracked pointer as Koffi itself takes it. */
const unwrapTracked = (koffi, pointer) =>
  koffi.type === undefined ? unwrapForKoffi2(koffi, pointer) : pointer.address;

/** `value` as Koffi itself takes it. */
const unwrap = (koffi, value) => (access.isTracked(value) ? unwrapTracked(koffi, value) : value);

/** `func`, which takes tracked pointers, too, of which it does what `check(pointer, second)` lets pass. */
function accepting(koffi, func, check) {
  const accepts = function (...args) {
    const [pointer, second] = args;
    if (access.isTracked(pointer)) {
      args[0] = unwrapTracked(koffi, pointer);
      check?.(pointer, second);
    }
    return func(...args);
  };
  return named(accepts, func);
}

const named = (func, { name }) => Object.defineProperty(func, 'name', { value: name, configurable: true });

// Koffi counts its arguments.
function forward(func, count, a, b, c, d, e) {
  switch (count) {
    case 2:
      return func(a, b);
    case 3:
      return func(a, b, c);
    case 4:
      return func(a, b, c, d);
    default:
      return func(a, b, c, d, e);
  }
}

/** koffi.decode(), koffi.decode.int() and the like. Functions are what `made(func, type, pointer, offset)` makes of them. */
function acceptingDecode(koffi, bounds, made) {
  const { decode: raw } = koffi;
  const decode = function (value, second, third, fourth) {
    const count = arguments.length;
    if (count < 2 || count > 4) return raw.apply(undefined, arguments); // which complains
    const hasOffset = isOffset(second);
    let at = value;
    if (access.isTracked(value)) {
      at = unwrapTracked(koffi, value);
      if (hasOffset) bounds.check('decode', value, second, third, fourth);
      else bounds.check('decode', value, 0, second, third);
    }
    const found = forward(raw, count, at, second, third, fourth);
    if (typeof found !== 'function') return found;
    return hasOffset ? made(found, third, value, second) : made(found, second, value, 0);
  };
  for (const [name, member] of Object.entries(raw)) {
    const check = (pointer, length) => bounds.checkNamed(name, pointer, length);
    decode[name] = typeof member === 'function' ? accepting(koffi, member, check) : member;
  }
  return named(decode, raw);
}

// Nobody would know for how long it is used there.
function refuseWritten(value) {
  if (!access.isTracked(value)) return;
  throw new UnsupportedError(
    `Cannot write a tracked pointer (${value.label}) into memory: write its 'address', and keep it`,
  );
}

function refuseWrittenInside(value, seen = new Set()) {
  refuseWritten(value);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value)) return;
  seen.add(value);
  for (const each of Object.values(value)) refuseWrittenInside(each, seen);
}

function acceptingEncode(koffi, bounds) {
  const { encode: raw } = koffi;
  const encode = function (value, second, third, fourth, fifth) {
    const count = arguments.length;
    if (count < 2 || count > 5) return raw.apply(undefined, arguments); // which complains
    const hasOffset = isOffset(second);
    const written = hasOffset ? fourth : third;
    refuseWritten(written);
    let at = value;
    if (access.isTracked(value)) {
      at = unwrapTracked(koffi, value);
      if (hasOffset) bounds.check('encode', value, second, third, fifth);
      else bounds.check('encode', value, 0, second, fourth);
    }
    try {
      return forward(raw, count, at, second, third, fourth, fifth);
    } catch (error) {
      refuseWrittenInside(written);
      throw error;
    }
  };
  return named(encode, raw);
}

// Koffi itself has no argument at `at`, where ours are.
function takeOwned(args, at) {
  if (args.length <= at) return { owned: false, rest: args };
  const { [at]: options = {} } = args;
  checkOptions(options, OWNED);
  return { owned: checkBoolean(options.owned ?? false, 'owned'), rest: args.slice(0, at) };
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

/** A callback has thrown `error` while a destructor runs. */
function noteThrow(error) {
  binding.noteThrow();
  queueMicrotask(() => announce('callback of a destructor', error));
}

// A callback that throws while a destructor runs has nobody to throw at: Koffi would throw the error at its
// next caller, whose own call has succeeded.
function guarded(given, owning) {
  if (typeof given !== 'function') return given;
  const callback = owning === undefined ? given : owning(given);
  return function (...args) {
    if (!calls.isDestroying) return callUnmarked(callback, this, args);
    try {
      return callUnmarked(callback, this, args);
    } catch (error) {
      noteThrow(error);
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
      { form: Form.JAVASCRIPT, address: 0n, args: [], run: null, isMemory: false },
      new OwnedType(`callback ${name}`, name, { free: null, size: 0 }),
    ),
  );
  const address = typeof raw === 'bigint' ? raw : koffi.address(raw);
  const pointer = adopt(address, 0, kind, NO_SLOT, () => koffi.unregister(raw));
  if (typeof raw !== 'bigint') rawCallbacks.set(pointer, raw);
  return pointer;
}

/** register() for a function that C keeps: see above; `owning` makes it own, if that is not undefined. */
const registerCallback = (koffi, registry, callback, type, owning) =>
  registerOwned(koffi, registry, [guarded(callback, owning), type], type);

/**
 * The replacements for `koffi`'s functions on memory and callbacks; `made` as above. `owning(type)` is what makes a function of
 * a callback of that type, or undefined.
 */
function onMemory(koffi, registry, made, owning) {
  const bounds = new Bounds(koffi);
  const replaced = {};
  for (const name of ['address', 'as']) {
    if (typeof koffi[name] === 'function') replaced[name] = accepting(koffi, koffi[name]);
  }
  return Object.assign(replaced, {
    decode: acceptingDecode(koffi, bounds, made),
    encode: acceptingEncode(koffi, bounds),

    reset(...args) {
      registry.clear();
      bounds.clear();
      return koffi.reset(...args);
    },

    alloc(...args) {
      const { owned, rest } = takeOwned(args, typeof args[1] === 'object' ? 1 : 2);
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
      const at = typeof args[0] === 'function' ? 0 : 1;
      const { owned, rest } = takeOwned(args, at + 2);
      if (rest.length > at) rest[at] = guarded(rest[at], owning(rest[at + 1]));
      return owned ? registerOwned(koffi, registry, rest, rest[at + 1]) : koffi.register(...rest);
    },

    unregister(...args) {
      if (access.isTracked(args[0])) args[0].dispose();
      else koffi.unregister(...args);
    },
  });
}

module.exports = { lentCallback, noteThrow, onMemory, registerCallback, unwrap };
