'use strict';
// Puts the audited drop-in in place of Koffi, whoever requires or imports it.

const path = require('node:path');
const Module = require('node:module');
const { pathToFileURL } = require('node:url');
const { withOwnership } = require('../../ffi/koffi/with-ownership');
const { turnOn } = require('../audit/observer');
const hooks = require('./hooks');

const ours = path.join(__dirname, '../..', path.sep);

const KOFFI = /(^|[\\/]node_modules[\\/])koffi$/;

function replaceRequired() {
  const load = Module._load;
  Module._load = function (request, parent, ...rest) {
    const loaded = load.call(this, request, parent, ...rest);
    if (!KOFFI.test(request) || parent?.filename?.startsWith(ours)) return loaded;
    return withOwnership(loaded);
  };
}

function replaceImported() {
  if (Module.registerHooks !== undefined) {
    Module.registerHooks(hooks);
  } else if (Module.register !== undefined) {
    Module.register(pathToFileURL(path.join(__dirname, 'hooks.mjs')).href);
  } else {
    process.emitWarning('this Node cannot replace what is imported: only what is required is audited');
  }
}

/** From now on. */
function replaceKoffi() {
  turnOn();
  replaceRequired();
  replaceImported();
}

module.exports = { replaceKoffi };
