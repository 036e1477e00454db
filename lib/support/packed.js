'use strict';
// In an installed package, an entry point and what it requires come from one file, which scripts/one-file.js made: finding
// and reading a hundred files takes longer than all else. Each module is in `require.cache` as if Node had loaded it, and
// so the same for whoever requires it by its path.

const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

const LIB = path.join(__dirname, '..', path.sep);
const PACKED = path.join(LIB, '../prebuilds/lib', path.sep);
const { cache } = require;

// Where somebody works on this library, the one file may be older than the others. Jest, Bun and Deno have loaders of
// their own.
const { bun, deno } = process.versions;
const isNodes = (bun ?? deno) === undefined && cache !== undefined && cache === Module._cache;
const isUsed = isNodes && /[\\/]node_modules[\\/]/.test(LIB);

// Not by path.join(), which would take a third of the time that all the modules take.
const fileOf = (name) => LIB + (path.sep === '/' ? name : name.replaceAll('/', path.sep));

function load(functions, name) {
  const file = fileOf(name);
  const known = cache[file];
  if (known !== undefined) return known.exports;
  if (!Object.hasOwn(functions, name)) return require(file);
  const made = new Module(file, module);
  made.filename = file;
  made.paths = module.paths;
  const requireHere = (id) => (id.startsWith('#') ? load(functions, id.slice(1)) : made.require(id));
  requireHere.cache = cache;
  cache[file] = made;
  try {
    const folder = file.slice(0, file.lastIndexOf(path.sep));
    functions[name].call(made.exports, made.exports, requireHere, made, file, folder);
    made.loaded = true;
  } finally {
    if (!made.loaded) delete cache[file];
  }
  return made.exports;
}

/** What `lib/<entry>.js` exports; undefined where that was not packed. */
function packed(entry) {
  if (!isUsed) return undefined;
  const known = cache[fileOf(`${entry}.js`)];
  if (known !== undefined) return known.exports;
  const file = `${PACKED}${entry.replaceAll('/', '-')}.cjs`;
  if (!fs.existsSync(file)) return undefined;
  const functions = require(file);
  delete cache[file]; // where it would keep this copy of the library, after a reloader has taken the others out
  return load(functions, `${entry}.js`);
}

/** Whether what is on a stack, or in `require.cache`, is of this library. */
const isOwnFile = (file) => file.startsWith(LIB) || file.startsWith(PACKED);

module.exports = { isOwnFile, packed };
