'use strict';
// Makes what lib/support/packed.js loads, below prebuilds/lib/: an entry point and the modules that it requires, in one
// file. Only when the package is packed: a clone loads what is in lib/.

const fs = require('node:fs');
const path = require('node:path');
const { transformSync } = require('esbuild');
const { root } = require('./tools.js');

const ENTRIES = ['public', 'ffi/koffi/drop-in']; // the second without what is in the first
const LOADER = 'support/packed.js'; // there before

const lib = path.join(root, 'lib');
const packed = path.join(root, 'prebuilds/lib');

const isFile = (file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;

/** The path, from lib/ on, of what the module `name` requires as `id`. */
function resolve(name, id) {
  const at = path.posix.join(path.posix.dirname(name), id);
  const found = [at, `${at}.js`, `${at}/index.js`].find((each) => isFile(path.join(lib, each)));
  if (found === undefined) throw new Error(`${name} requires '${id}', which is not there`);
  return found;
}

const AT_ONCE = /^(?:const [^=]+ = |\} = )?require\('(\.[^']+)'\)/gm; // not what a function requires, or a condition
const RELATIVE = /\brequire\('(\.[^']+)'\)/g;

/** Adds the text of the modules that `name` requires at once, and then its own, to `texts`. */
function collect(name, texts) {
  if (texts.has(name)) return;
  const text = fs.readFileSync(path.join(lib, name), 'utf8');
  for (const [, id] of text.matchAll(AT_ONCE)) collect(resolve(name, id), texts);
  texts.set(
    name,
    text.replace(RELATIVE, (_, id) => `require('#${resolve(name, id)}')`),
  );
}

// In parentheses, because V8 then compiles a function at once, and does not parse it first to find its end.
const functionOf = ([name, text]) =>
  `'${name}': (function (exports, require, module, __filename, __dirname) {\n${transformSync(text).code}}),\n`;

fs.rmSync(packed, { recursive: true, force: true });
fs.mkdirSync(packed);
const done = new Set([LOADER]);
for (const entry of ENTRIES) {
  const texts = new Map();
  collect(`${entry}.js`, texts);
  const own = [...texts].filter(([name]) => !done.has(name));
  for (const [name] of own) done.add(name);
  const file = path.join(packed, `${entry.replaceAll('/', '-')}.cjs`);
  fs.writeFileSync(file, `'use strict';\nmodule.exports = {\n${own.map(functionOf).join('')}};\n`);
}
