'use strict';
// Asynchronous calls whose allocations are counted: Koffi calls the address of a stub in place of that of C's function.

const { takeStub } = require('../../ownership/size/counting');
const { toKoffiPointer } = require('./dialect');

const counted = new WeakSet();

/** Has the `.async` of `func`, Koffi's own, ask for a stub. `typeOf()` returns the prototype of `func`. Once is enough. */
function countAsync(koffi, func, typeOf) {
  const { async } = func;
  if (async === undefined || counted.has(func)) return;
  counted.add(func);
  const byStub = new Map();
  let type;
  const at = (stub) => {
    type ??= typeOf();
    return koffi.decode(toKoffiPointer(koffi, stub), type).async;
  };
  func.async = function (...args) {
    const stub = takeStub();
    if (stub === 0n) return async(...args);
    if (!byStub.has(stub)) byStub.set(stub, at(stub));
    return byStub.get(stub)(...args);
  };
}

module.exports = { countAsync };
