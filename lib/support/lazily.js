'use strict';

const { isOwnFile } = require('./packed');

// Jest has a cache of its own, which is another one when the function is called: jest.isolateModules(), resetModules().
const isJest = process.env.JEST_WORKER_ID !== undefined;

const cache = require.cache ?? {};
let copy; // the modules of this copy of the library, when the first of these functions was made

const ours = () => Object.fromEntries(Object.entries(cache).filter(([file]) => isOwnFile(file)));

function replace(modules) {
  for (const file of Object.keys(ours())) delete cache[file];
  Object.assign(cache, modules);
}

/** Loads among the modules of this copy. A reloader may have taken them out of the cache, and another copy may be there. */
function loadHere(load) {
  const there = ours();
  const isCurrent = Object.entries(copy).every(([file, module]) => there[file] === module);
  if (isCurrent) return load();
  replace(copy);
  try {
    return load();
  } finally {
    copy = ours();
    replace(there);
  }
}

/** Where loading is cut off, by a timeout of node:vm, Node keeps what there is of the modules. */
function dropHalves() {
  for (const [file, module] of Object.entries(ours())) if (!module.loaded) delete cache[file];
}

/** The function `name` of the module that `load` requires, which is loaded when the function is first called. */
function lazily(name, load) {
  if (isJest) return load()[name];
  copy ??= ours();
  let found;
  const find = () => {
    found = loadHere(load)[name];
    if (found !== undefined) return found;
    dropHalves();
    return (found = loadHere(load)[name]);
  };
  const call = (...args) => (found ?? find())(...args);
  return Object.defineProperty(call, 'name', { value: name });
}

module.exports = { lazily };
