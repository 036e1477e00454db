'use strict';
// What the drop-in tells the audit, which sits between Koffi's functions and whatever is made of them.

const hook = require('../../pointers/observer-hook');
const { argumentsOf, describe, pointee, symbolAddress } = require('./dialect');

const GIVES = { Pointer: 'pointer', Record: 'struct', Union: 'struct' };

function factsOf(func, { koffi, library, path, definition }) {
  const { name, result } = func.info;
  const types = argumentsOf(func).map(({ type }) => describe(koffi, type));
  const given = describe(koffi, result);
  return {
    name,
    library: path,
    signature: definition ?? `${given.name} ${name}(${types.map((type) => type.name).join(', ')})`,
    gives: given.primitive.startsWith('String') ? 'string' : GIVES[given.primitive],
    base: pointee(koffi, result)?.name,
    disposable: given.disposable,
    takesCallback: types.some(({ primitive }) => primitive === 'Callback'),
    exports: (symbol) => symbolAddress(koffi, library, symbol) !== undefined,
  };
}

/** A function that Koffi declared in `where`, as the drop-in shall use it. */
function declared(func, where) {
  return hook.observer === null ? func : hook.observer.declared(func, factsOf(func, where));
}

/** Calls a function of Koffi's own that takes or gives memory. */
function call(name, func, args) {
  return hook.observer === null ? func(...args) : hook.observer.call(name, func, args);
}

/** What `func` returns is tracked, under `label`. */
function owns(func, label) {
  hook.observer?.owns(func, label);
}

module.exports = { call, declared, owns };
