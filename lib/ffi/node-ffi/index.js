'use strict';
// Everything that node:ffi exports, plus ownership.

require('../../support/packed').packed('public'); // which has most of what it requires
require('../../reclaim/from-environment');
const { Registry } = require('../../ownership/declare/registry');
const { NoNodeFfiError } = require('../../support/errors');
const { makeLibraries } = require('./library');
const { onMemory } = require('./memory');

require('../koffi/ffi'); // without a binary C is called through Koffi, where that is installed
const { declareOwned } = require('./owned');

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
