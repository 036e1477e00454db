'use strict';
// Everything that a koffi exports, plus ownership.

const { resolve } = require('node:path');
const binding = require('../../binding');
const { meter } = require('../../ownership/size/metering');
const { checkBoolean } = require('../../support/check');
const { ArgumentTypeError, UnsupportedError } = require('../../support/errors');
const { toAddress } = require('../../pointers/destructors');
const { access } = require('../../pointers/tracked-pointer');
const { checkName, declaration } = require('./declaration');
const { declareOwned } = require('./declare');
const { describe } = require('./dialect');
const { tellExported } = require('./exported');
const { ffiOf } = require('./ffi');
const { FunctionPointers } = require('./function-pointers');
const { withOwnedFunctions } = require('./library');
const { onMemory } = require('./memory');
const observe = require('./observe');
const { KoffiRegistry } = require('./registry');
const { OwnedString } = require('./strings');

const dropIns = new WeakMap();

function declare(koffi, registry, name, written, options) {
  checkName(name);
  const [type] = declaration(koffi, [written]);
  if (typeof name === 'string' && name !== '' && describe(koffi, type).primitive.startsWith('String')) {
    let string = registry.string(name);
    if (string === undefined)
      registry.addString(
        (string = new OwnedString(koffi, name, type, options ?? {}, registry.meaningOf(name))),
      );
    else string.again(type, options ?? {});
    return string.type;
  }
  const declared = declareOwned(koffi, registry, name, type, options);
  registry.add(declared.owned);
  return declared.type;
}

/** Our own options, and the arguments as Koffi takes them. */
function loadOptions([path, options, ...rest]) {
  if (typeof options !== 'object' || options === null)
    return { theirs: [path, options, ...rest], metered: undefined };
  const { metered, ...others } = options;
  if (metered !== undefined) checkBoolean(metered, 'metered');
  return { theirs: [path, others, ...rest], metered, deep: others.deep === true && binding.canLoadDeep };
}

function load(koffi, registry, args) {
  const { theirs, metered, deep = false } = args.length > 1 ? loadOptions(args) : { theirs: args };
  const library = koffi.load(...theirs);
  const [path] = theirs;
  if (!deep) tellExported(path);
  if (metered === true) meter(path, deep);
  // What it is found by later, wherever the program is then.
  const file = typeof path === 'string' && path.includes('/') ? resolve(path) : path;
  observe.loaded({ file, deep });
  return withOwnedFunctions(koffi, registry, library, { path, file, deep, metered });
}

/** koffi.proto(), or what else it is `called`, which ignores options. */
function proto(koffi, args, called = 'proto') {
  const last = args.at(-1);
  if (args.length > 1 && typeof last === 'object' && last !== null && !Array.isArray(last)) {
    throw new UnsupportedError(
      `A prototype takes no options ('${Object.keys(last).join("', '")}'): write owned types in it, and ` +
        `what they do not say in owned(), or in func() of a library that has the function`,
    );
  }
  return koffi[called](...declaration(koffi, args));
}

function extend(koffi) {
  binding.lendFfi(ffiOf(koffi));
  const registry = new KoffiRegistry();
  const functions = new FunctionPointers(koffi, registry);
  const made = (func, type, at, offset) => {
    const address = toAddress(access.isTracked(at) ? at.address : at);
    return functions.declared(func, type, address === undefined ? undefined : address + BigInt(offset));
  };
  return {
    ...onMemory(koffi, registry, made, (type) => functions.owning(type)),
    call: (...args) => functions.call(args),
    load: (...args) => load(koffi, registry, args),
    owned: (name, type, options) => declare(koffi, registry, name, type, options),
    proto: (...args) => proto(koffi, args),
    ...(koffi.callback && { callback: (...args) => proto(koffi, args, 'callback') }), // its older name
    out: (...args) => registry.noteDirection(koffi.out(...args), 'out'),
    inout: (...args) => registry.noteDirection(koffi.inout(...args), 'inout'),
  };
}

/** `koffi` with ownership: a new object, the same for the same koffi. */
function withOwnership(koffi) {
  if (typeof koffi?.load !== 'function' || typeof koffi?.pointer !== 'function') {
    throw new ArgumentTypeError(koffi, 'koffi', `what require('koffi') returns`);
  }
  if (dropIns.get(koffi) === koffi) return koffi;
  const original = koffi.default?.load === undefined ? koffi : koffi.default;
  let dropIn = dropIns.get(original);
  if (dropIn === undefined) {
    dropIn = Object.create(Object.getPrototypeOf(original), Object.getOwnPropertyDescriptors(original));
    for (const [name, value] of Object.entries(extend(original))) {
      if (typeof value === 'function' && typeof original[name] === 'function') {
        Object.defineProperty(value, 'name', { value: original[name].name, configurable: true });
      }
      Object.defineProperty(dropIn, name, { value, writable: true, enumerable: true, configurable: true });
    }
    dropIns.set(original, dropIn);
    dropIns.set(dropIn, dropIn);
  }
  return dropIn;
}

module.exports = { withOwnership };
