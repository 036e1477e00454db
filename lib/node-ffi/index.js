'use strict';
// Everything that node:ffi exports, plus ownership.

const { NoNodeFfiError } = require('../errors');
const { Registry } = require('../ownership/registry');
const { declareOwned } = require('./owned');
const { makeLibraries } = require('./library');
const { onMemory } = require('./memory');

function findNodeFfi() {
  try {
    return require('node:ffi');
  } catch (cause) {
    throw new NoNodeFfiError(cause);
  }
}

function withOwnership(ffi) {
  const registry = new Registry();
  return {
    ...ffi,
    ...onMemory(ffi),
    ...makeLibraries(ffi, registry),
    owned: (name, options) => declareOwned(registry, name, options),
  };
}

module.exports = withOwnership(findNodeFfi());
