'use strict';
// Hooks for Node's module loader that make an import of Koffi one of the audited drop-in. The same for both of Node's
// interfaces: with module.register() they run in another thread, and what comes before may be promises.

const fs = require('node:fs');
const path = require('node:path');

const MARK = '?ffi-tally';

/** The module that is imported in place of the Koffi at `url`: what it requires has been replaced already. */
function sourceFor(url) {
  const names = fs.readFileSync(path.join(__dirname, '../../ffi/koffi/index.mjs'), 'utf8');
  return names.replace(
    /^import koffi .*$/m,
    `import { createRequire } from 'node:module';\nconst koffi = createRequire(${JSON.stringify(url)})('koffi');`,
  );
}

const mark = (found) => ({ ...found, url: found.url + MARK, format: 'module', shortCircuit: true });

function resolve(specifier, context, next) {
  const found = next(specifier, context);
  if (specifier !== 'koffi' || context.conditions.includes('require')) return found;
  return typeof found.then === 'function' ? found.then(mark) : mark(found);
}

function load(url, context, next) {
  if (!url.endsWith(MARK)) return next(url, context);
  return { format: 'module', source: sourceFor(url.slice(0, -MARK.length)), shortCircuit: true };
}

module.exports = { load, resolve };
