'use strict';
// C functions of which only the address is known: koffi.call(), and what koffi.decode() returns for a prototype.

const binding = require('../../binding');
const calls = require('../../books/c-calls');
const { meanings } = require('../../books/kinds');
const { Source } = require('../../ownership/declare/source');
const { wayOf } = require('../../ownership/size/ways');
const { isFunction } = require('../../pointers/destructors');
const { access } = require('../../pointers/tracked-pointer');
const { UnsupportedError } = require('../../support/errors');
const { countAsync } = require('./counted-async');
const { addressOf, argumentsOf, pointee, symbolAddress } = require('./dialect');
const { follow, mayTake } = require('./follow');
const { unwrap } = require('./memory');
const { owning, planFor } = require('./plan');
const { callbackOf } = require('./roles');

const MOST_KNOWN = 1024; // functions

/** The name of a prototype; undefined for what is none. */
function nameOf(koffi, spec) {
  try {
    const { name, primitive } =
      koffi.type === undefined ? koffi.introspect(koffi.resolve(spec)) : koffi.type(spec);
    return primitive === 'Prototype' ? name : undefined;
  } catch {
    return undefined; // Koffi itself complains of it
  }
}

/** Where what such a function gives is freed: in the library that has the destructor, whichever that is. */
class AnySource extends Source {
  #koffi;
  #registry;

  constructor(koffi, registry) {
    const path = null; // what the program itself has loaded
    super(
      null,
      { path },
      {
        addressOf: (pointer) => addressOf(koffi, pointer),
        box: (addresses) => addresses,
        symbol: () => undefined, // where no library is loaded
        sizeFunction() {
          throw new UnsupportedError('No library is loaded that could have the size function');
        },
      },
    );
    this.#koffi = koffi;
    this.#registry = registry;
  }

  producerOf(owned) {
    const { destructorSymbol, isExact, size } = owned;
    const symbol =
      destructorSymbol ?? (typeof size === 'string' && wayOf(size, owned) === null ? size : undefined);
    const { libraries } = this.#registry;
    const only = isExact && libraries.length === 1 ? libraries[0] : undefined;
    const found = symbol === undefined ? only : this.libraryWith(symbol, owned.name);
    return found === undefined ? super.producerOf(owned) : found.source.producerOf(owned);
  }

  meter({ name }) {
    throw new UnsupportedError(
      `Cannot tell which library makes '${name}', of which a function pointer gives the address alone: ` +
        `give the name of its destructor as 'free', or its size`,
    );
  }

  /** The library, { library, func, source }, that has that symbol; the first, if none has. */
  libraryWith(symbol, label) {
    const all = this.#registry.libraries;
    const addresses = all.map(({ library }) => symbolAddress(this.#koffi, library, symbol));
    const different = new Set(addresses.filter((address) => address !== undefined));
    if (different.size > 1) {
      throw new UnsupportedError(
        `Cannot tell which '${symbol}' frees '${label}' that a function pointer gives: several libraries have one. ` +
          `Give its address as 'free'`,
      );
    }
    return all[
      Math.max(
        addresses.findIndex((address) => address !== undefined),
        0,
      )
    ];
  }
}

class FunctionPointers {
  #koffi;
  #registry;
  #source;
  #known = new Map(); // prototype and address -> the function, null where ownership means nothing there
  #version = -1; // of types and libraries, in which these are right

  constructor(koffi, registry) {
    this.#koffi = koffi;
    this.#registry = registry;
    this.#source = new AnySource(koffi, registry);
  }

  /** `raw`, which Koffi has made for a prototype, with ownership. */
  declared(raw, spec, address) {
    const name = nameOf(this.#koffi, spec) ?? raw.info.name;
    const planning = this.#planning(raw, spec, name, address);
    if (mayTake(this.#koffi, raw, raw.async === undefined))
      return follow(this.#koffi, this.#registry, raw, planning);
    return owning(this.#koffi, raw, planning());
  }

  /** What makes a callback of that type own, and give, what its prototype says; undefined for nothing. */
  owning(type) {
    try {
      return callbackOf(this.#koffi, this.#registry, this.#source, type, 'a callback');
    } catch (error) {
      if (error.code !== undefined) throw error;
      return undefined; // what is no type, of which Koffi complains
    }
  }

  // What plans `raw`.
  #planning(raw, spec, name, address) {
    const koffi = this.#koffi;
    const named = { info: { ...raw.info, name } };
    const declared = {
      koffi,
      registry: this.#registry,
      source: this.#source,
      raw: named,
      resolve: (string) => {
        const found = this.#source.libraryWith(string.symbol, string.name);
        if (found !== undefined) string.resolve(found.library, found.func);
      },
      address: () => address,
      list: [],
      directions: [],
      variadic: raw.async === undefined, // nothing else tells
    };
    return () => {
      if (koffi.type === undefined) this.#refuseStored(named);
      const plan = planFor(declared);
      if (plan?.about) countAsync(koffi, raw, () => spec);
      return plan;
    };
  }

  // Of a prototype Koffi 2 does not tell whether C stores a pointer, takes it, or both.
  #refuseStored(func) {
    for (const { type } of argumentsOf(func)) {
      const name = pointee(this.#koffi, type)?.name;
      if (!this.#registry.has(name) && this.#registry.string(name) === undefined) continue;
      throw new UnsupportedError(
        `Cannot tell what ${func.info.name}() does with '${name} *': Koffi 2 does not tell directions of prototypes. ` +
          `Use Koffi 3, or write 'void **' and track() what is yours`,
      );
    }
  }

  /** koffi.call(pointer, spec, ...values). */
  call(args) {
    const koffi = this.#koffi;
    if (args.length < 2) return koffi.call(...args); // which complains
    const [pointer, spec, ...values] = args;
    const at = unwrap(koffi, pointer);
    const func = this.#registry.isEmpty ? null : this.#at(at, spec);
    if (func !== null) return func(...values);
    if (!values.some((value) => access.isTracked(value))) return koffi.call(at, spec, ...values);
    const code = binding.functionAddress(addressOf(koffi, at));
    const freed = values.find((value, i) => {
      const { destructor } = access.isTracked(value) ? access.kindOf(value) : {};
      return destructor?.pointerAt === i && isFunction(destructor, code);
    });
    if (freed !== undefined) return freed.dispose();
    calls.enter();
    try {
      return koffi.call(at, spec, ...values.map(access.lendUndeclared));
    } finally {
      calls.leave();
    }
  }

  /** The function there; null where that is Koffi's own. */
  #at(pointer, spec) {
    if (pointer === null || (typeof pointer !== 'bigint' && typeof pointer !== 'object')) return null;
    const koffi = this.#koffi;
    const name = nameOf(koffi, spec);
    if (name === undefined) return null;
    const version = meanings.version + this.#registry.loads;
    if (this.#version !== version || this.#known.size >= MOST_KNOWN) {
      this.#known.clear();
      this.#version = version;
    }
    const address = addressOf(koffi, pointer);
    const key = `${address} ${name}`;
    let func = this.#known.get(key);
    if (func === undefined) {
      const raw = koffi.decode(pointer, spec);
      const plan = this.#planning(raw, spec, name, address)();
      func = plan === null ? null : owning(koffi, raw, plan);
      this.#known.set(key, func);
    }
    return func;
  }
}

module.exports = { FunctionPointers };
