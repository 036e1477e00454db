'use strict';
// koffi.load, with ownership in the prototypes of the functions it declares.

const { kinds } = require('../../books/kinds');
const { recover } = require('../../books/in-hand');
const { pinLibraries } = require('../../books/nursery');
const { Source } = require('../../ownership/declare/source');
const { addresses, takesStruct } = require('../../pointers/destructors');
const { stress, stressed } = require('../../reclaim/stress');
const { ArgumentTypeError } = require('../../support/errors');
const { weakly } = require('../../support/weak');
const { countAsync } = require('./counted-async');
const { declaration } = require('./declaration');
const { addressOf, argumentsOf, describe, prototypeOf, symbolAddress } = require('./dialect');
const { follow, mayTake } = require('./follow');
const observe = require('./observe');
const { owning, planFor } = require('./plan');

// Koffi itself takes no object in the last place but a list of types.
function isOptions(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Splits the arguments of lib.func(): ours at the end, Koffi's before. */
function split(args) {
  const last = args[args.length - 1];
  if (args.length > 1 && last === null) throw new ArgumentTypeError(null, 'options', 'an object');
  const hasOptions = args.length > 1 && (last === undefined || isOptions(last));
  const options = hasOptions ? last : undefined;
  const theirs = hasOptions ? args.slice(0, -1) : args;
  const list = theirs[theirs.length - 1];
  const definition = typeof theirs[0] === 'string' && theirs.length === 1 ? theirs[0] : undefined;
  const written = definition === undefined ? theirs[theirs.length - 2] : definition.split('(', 1)[0];
  return { options, theirs, definition, written, list: Array.isArray(list) ? list : [] };
}

function sourceOf(koffi, library, func, how) {
  return new Source(library, how, {
    addressOf: (pointer) => addressOf(koffi, pointer),
    box: (addresses) => addresses,
    symbol: (name) => symbolAddress(koffi, library, name),
    sizeFunction: (name) => func.call(library, name, 'size_t', ['void *']),
  });
}

/** Puts ownership into the functions that `library`, just loaded as `how` says, will declare: see Source. */
function withOwnedFunctions(koffi, registry, library, how) {
  const { func, unload } = library;
  const source = sourceOf(koffi, library, func, how);
  const loaded = { library, func, source };
  registry.addLibrary(loaded);
  // Reached by all that a function of this library frees that JavaScript calls, and then by what keeps the library loaded.
  let needed = null;
  const keepLoaded = () => {
    const keeper = needed?.deref() ?? { library };
    needed = weakly(keeper);
    return keeper;
  };

  function declare(...args) {
    const { options, theirs, definition, written, list } = split(args);
    const bare = func.apply(library, declaration(koffi, theirs));
    const raw = observe.declared(bare, { koffi, library, how, definition });
    const variadic = definition === undefined ? list.includes('...') : definition.includes('...');
    const takes = mayTake(koffi, raw, variadic);
    const asked = {
      koffi,
      registry,
      source,
      resolve: (string) => string.resolve(library, func),
      raw,
      definition,
      written,
      list,
      directions: list.map((type) => registry.directionOf(type)),
      variadic,
      options,
      mayTake: takes,
    };
    const ask = (before = null) => {
      if (loaded.library === null) return before; // there is nothing to look up
      const plan = planFor(asked);
      if (plan?.producer) observe.owns(raw, plan.producer.owned.name);
      if (plan?.about) countAsync(koffi, bare, () => prototypeOf(koffi, bare, plan.directions));
      return plan;
    };
    const own = takes ? follow(koffi, registry, raw, ask) : owning(koffi, raw, ask());
    const declared = stress.on ? stressed(own) : own;
    // A destructor given as this function can be called without JavaScript.
    if (raw.info.arguments.length === 1 && typeof raw.info.name === 'string') {
      addresses.set(declared, () => symbolAddress(koffi, library, raw.info.name));
      if (describe(koffi, argumentsOf(raw)[0].type).primitive === 'Record')
        takesStruct.set(declared, keepLoaded);
    }
    return declared;
  }

  function close() {
    recover();
    pinLibraries();
    source.forget();
    registry.forgetLibrary(library);
    loaded.library = loaded.func = loaded.source = null;
    const keeper = needed?.deref();
    if (keeper !== undefined) keeper.library = koffi.load(how.file);
    unload.call(library);
    kinds.unpinIdle();
  }

  const replace = (name, value) => {
    const enumerable = Object.prototype.propertyIsEnumerable.call(library, name);
    Object.defineProperty(library, name, { value, enumerable, writable: true, configurable: true });
  };
  replace('func', declare); // lib.cdecl() and the like come here too
  replace('unload', close);
  for (const symbol of [Symbol.dispose, Symbol.for('nodejs.dispose')]) {
    if (symbol !== undefined && symbol in library) replace(symbol, close);
  }
  return library;
}

module.exports = { withOwnedFunctions };
