'use strict';
// Puts the drop-in in place of Koffi, whoever requires or imports it.

const path = require('node:path');
const Module = require('node:module');
const { pathToFileURL } = require('node:url');
const { withOwnership } = require('../../ffi/koffi/with-ownership');
const hooks = require('./hooks');

const ours = path.join(__dirname, '../..', path.sep);

const KOFFI = /(^|[\\/]node_modules[\\/])koffi([\\/]index\.[cm]?js)?$/;

let isReplaced = false; // whether any was

function replaceRequired() {
  const load = Module._load;
  Module._load = function (request, parent, ...rest) {
    isReplaced ||= KOFFI.test(request);
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

/** Calls `tell` if the program has a Koffi that it did not get from Node's loader: Jest has a loader of its own. */
function tellUnreplaced(tell) {
  const { dlopen } = process;
  process.dlopen = function (module, file) {
    if (!isReplaced && /[\\/]koffi\.node$/.test(String(file))) tell();
    return dlopen.apply(this, arguments);
  };
}

/** From now on. */
function replaceKoffi() {
  replaceRequired();
  replaceImported();
}

module.exports = { replaceKoffi, tellUnreplaced };
