'use strict';
// DynamicLibrary and dlopen, with ownership in the signatures of the functions that they declare.

const { kinds } = require('../../books/kinds');
const { recover } = require('../../books/in-hand');
const { pinLibraries } = require('../../books/nursery');
const { wrap } = require('../../ownership/call/wrap');
const { checkOutcome } = require('../../ownership/declare/depends-on-outcome');
const { checkMeasured } = require('../../ownership/declare/lengths');
const { OPTIONS, checkNamed, checkReenters, readOptions } = require('../../ownership/declare/one-off');
const { makePlan, neededBy } = require('../../ownership/declare/plan');
const { Source } = require('../../ownership/declare/source');
const { addresses } = require('../../pointers/destructors');
const { checkOptions } = require('../../support/check');
const { stress, stressed } = require('../../reclaim/stress');
const { POINTERS, nativeType, resultOf, roleOf } = require('./owned');

const SIGNATURE = ['arguments', 'return', ...OPTIONS];
const SIZE_FUNCTION = { arguments: ['pointer'], return: 'uint64' };
const ANY = { name: 'void', size: 0 };

// Node calls C last: what it throws it throws before, and a callback that throws ends the process. Any other
// error, such as that of a stack that is full, may come of what is done after C.
const REFUSALS = [
  'ERR_INVALID_ARG_VALUE',
  'ERR_INVALID_ARG_TYPE',
  'ERR_FFI_LIBRARY_CLOSED',
  'ERR_ACCESS_DENIED',
];
const refuses = (values, error) => REFUSALS.includes(error?.code);

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What Node is told of `signature`. What is wrong with it is for Node to say. */
function nativeSignature(signature) {
  if (!isObject(signature)) return signature;
  checkOptions(signature, SIGNATURE);
  const native = {};
  if ('arguments' in signature) {
    const { arguments: types } = signature;
    native.arguments = Array.isArray(types) ? types.map(nativeType) : types;
  }
  if ('return' in signature) native.return = nativeType(signature.return);
  return native;
}

/** What ownership means for the function `name` with `signature`, which Node has accepted; null for nothing. */
function planFor(registry, source, raw, name, { arguments: types = [], return: type = 'void', ...options }) {
  const roles = types.map(roleOf);
  const { owned, keeps, resized, once, ...said } = readOptions({
    registry,
    base: () => (POINTERS.includes(type) ? ANY : undefined),
    owned: resultOf(type, `the result of ${name}()`),
    name,
    options,
    count: types.length,
  });
  checkNamed(name, { resized, keeps, needs: neededBy([owned], roles), once }, roles, () => false);
  const isPointer = (i) => roles[i]?.role === 'borrow';
  const lengths = checkMeasured(name, said.lengths, isPointer, () => true); // Node refuses what is too small
  const outcome = checkOutcome(name, options, roles, owned);
  const isPlain =
    owned === undefined &&
    lengths.length === 0 &&
    resized === undefined &&
    keeps.rules.length === 0 &&
    roles.every((role) => role === null);
  const reenters = checkReenters(options.reenters, name, !isPlain);
  if (isPlain) return null;
  const more = { outcome, address: () => raw.pointer, resized, reenters, lengths, exact: true };
  return makePlan({ name, source, registry, roles, owned, keeps, ...more });
}

/** Makes `ours` look as `theirs` does. */
function disguise(ours, theirs) {
  Object.defineProperty(ours, 'length', { value: theirs.length, configurable: true });
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(ours.prototype))) {
    const { enumerable = false } = Object.getOwnPropertyDescriptor(theirs.prototype, name) ?? {};
    Object.defineProperty(ours.prototype, name, { ...descriptor, enumerable });
  }
}

/** The replacements for `ffi`'s class of libraries and what makes one. */
function makeLibraries(ffi, registry) {
  class DynamicLibrary extends ffi.DynamicLibrary {
    #declared = new Map();
    #measuring; // the same library once more: Node allows a symbol one signature
    #source = new Source(
      this,
      { path: this.path },
      {
        addressOf: (pointer) => pointer,
        box: (addresses) => BigUint64Array.from(addresses, (address) => address ?? 0n),
        symbol: (name) => this.#symbol(name),
        sizeFunction: (name) => {
          this.#measuring ??= new ffi.DynamicLibrary(this.path);
          return this.#measuring.getFunction(name, SIZE_FUNCTION);
        },
      },
    );

    get functions() {
      return this.getFunctions();
    }

    getFunction(name, signature) {
      const raw = super.getFunction(name, nativeSignature(signature));
      const declared = this.#own(name, signature, raw);
      this.#declared.set(name, declared);
      return declared;
    }

    #own(name, signature, raw) {
      const plan = planFor(registry, this.#source, raw, name, signature);
      const own = plan === null ? raw : wrap(raw, plan, refuses);
      if (plan !== null) own.pointer = raw.pointer;
      const declared = stress.on ? stressed(own) : own;
      // A destructor given as this function can be called without JavaScript.
      if (raw.length === 1) addresses.set(declared, () => raw.pointer);
      return declared;
    }

    getFunctions(definitions) {
      if (definitions === undefined)
        return Object.assign(Object.create(null), Object.fromEntries(this.#declared));
      if (!isObject(definitions)) return super.getFunctions(definitions);
      // All or none of them.
      const signatures = Object.entries(definitions);
      const native = signatures.map(([name, signature]) => [name, nativeSignature(signature)]);
      const functions = super.getFunctions(Object.fromEntries(native));
      const declared = signatures.map(([name, signature]) => [
        name,
        this.#own(name, signature, functions[name]),
      ]);
      for (const [name, func] of declared) {
        functions[name] = func;
        this.#declared.set(name, func);
      }
      return functions;
    }

    close() {
      recover();
      pinLibraries();
      this.#measuring?.close();
      this.#measuring = undefined;
      super.close();
      kinds.unpinIdle();
    }

    [Symbol.dispose]() {
      this.close();
    }

    #symbol(name) {
      try {
        return this.getSymbol(name);
      } catch {
        return undefined;
      }
    }
  }

  disguise(DynamicLibrary, ffi.DynamicLibrary);

  function dlopen(path, definitions) {
    const lib = new DynamicLibrary(path);
    try {
      const functions = lib.getFunctions(definitions);
      return { lib, functions, [Symbol.dispose]: () => lib.close() };
    } catch (error) {
      lib.close();
      throw error;
    }
  }

  return { DynamicLibrary, dlopen };
}

module.exports = { makeLibraries };
