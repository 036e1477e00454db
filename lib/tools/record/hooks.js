'use strict';
// Hooks for Node's module loader that make an import of Koffi one of the audited drop-in. The same for both of Node's
// interfaces: with module.register() they run in another thread, and what comes before may be promises.

const fs = require('node:fs');
const path = require('node:path');
const { fileURLToPath } = require('node:url');

const MARK = '?ffi-tally';
const DROP_IN = path.join(__dirname, '../../ffi/koffi');

/** The folder of the package that `file` is in. */
function packageOf(file) {
  const folder = path.dirname(file);
  return folder === file || fs.existsSync(path.join(folder, 'package.json')) ? folder : packageOf(folder);
}

/**
 * The module that is imported in place of the Koffi at `url`. Its folder is required, not its name: where it is linked,
 * its real path is not beside a `node_modules` that has it.
 */
function sourceFor(url) {
  const names = fs.readFileSync(path.join(DROP_IN, 'index.mjs'), 'utf8');
  const folder = JSON.stringify(packageOf(fileURLToPath(url)));
  return names.replace(
    /^import koffi .*$/m,
    `import { createRequire } from 'node:module';
const ours = createRequire(${JSON.stringify(path.join(DROP_IN, 'index.js'))});
const koffi = ours('./with-ownership').withOwnership(ours(${folder}));`,
  );
}

const mark = (found) => ({ ...found, url: found.url + MARK, format: 'module', shortCircuit: true });

/** Whether that module is what the package Koffi begins with: Vitest imports it by its path. */
function isBeginOfKoffi(url) {
  if (!/^file:.*[/]index\.[cm]?js$/.test(url)) return false;
  const folder = packageOf(fileURLToPath(url));
  try {
    const { name } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
    return name === 'koffi' && folder === path.dirname(fileURLToPath(url));
  } catch {
    return false;
  }
}

const isPath = (specifier) => specifier.startsWith('file:') || path.isAbsolute(specifier);

function resolve(specifier, context, next) {
  const found = next(specifier, context);
  if ((specifier !== 'koffi' && !isPath(specifier)) || context.conditions.includes('require')) return found;
  const take = (module) => (specifier === 'koffi' || isBeginOfKoffi(module.url) ? mark(module) : module);
  return typeof found.then === 'function' ? found.then(take) : take(found);
}

function load(url, context, next) {
  if (!url.endsWith(MARK)) return next(url, context);
  return { format: 'module', source: sourceFor(url.slice(0, -MARK.length)), shortCircuit: true };
}

module.exports = { load, resolve };
