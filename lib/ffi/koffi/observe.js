'use strict';
// What the drop-in tells the audit and the profile, which sit between Koffi's functions and whatever is made of them.

const hook = require('../../pointers/observer-hook');
const { argumentsOf, describe, pointee, symbolAddress } = require('./dialect');

const GIVES = { Pointer: 'pointer', Record: 'struct', Union: 'struct' };

function factsOf(func, { koffi, library, how, definition }) {
  const { name, result } = func.info;
  const types = argumentsOf(func).map(({ type }) => describe(koffi, type));
  const given = describe(koffi, result);
  return {
    name,
    library: how.path,
    signature: definition ?? `${given.name} ${name}(${types.map((type) => type.name).join(', ')})`,
    gives: given.primitive.startsWith('String') ? 'string' : GIVES[given.primitive],
    base: pointee(koffi, result)?.name,
    disposable: given.disposable,
    symbol: (other) => symbolAddress(koffi, library, other),
    file: how.file,
    deep: how.deep,
  };
}

/** A function that Koffi declared in `where`, as the drop-in shall use it. */
function declared(func, where) {
  const { observer, profiler } = hook;
  if (observer === null && profiler === null) return func;
  const facts = factsOf(func, where);
  const profiled = profiler === null ? func : profiler.declared(func, facts);
  return observer === null ? profiled : observer.declared(profiled, facts);
}

/** Calls a function of Koffi's own that takes or gives memory. */
function call(name, func, args) {
  const { observer, profiler } = hook;
  const profiled = profiler === null ? func : (...all) => profiler.call(name, func, all);
  return observer === null ? profiled(...args) : observer.call(name, profiled, args);
}

/** What `func` returns is tracked, under `label`. */
function owns(func, label) {
  hook.observer?.owns(func, label);
}

const libraries = new Map();

/** A library was loaded: { file, deep }. */
function loaded(library) {
  libraries.set(`${library.file}\n${library.deep}`, library);
}

module.exports = { call, declared, loaded, loadedLibraries: () => [...libraries.values()], owns };
