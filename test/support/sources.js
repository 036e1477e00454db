'use strict';

const fs = require('node:fs');
const path = require('node:path');

const lib = path.join(__dirname, '../../lib');

/** Every file of lib/ that Node runs, as { name, source }. */
function sources() {
  const found = fs.readdirSync(lib, { recursive: true }).filter((name) => /\.m?js$/.test(name));
  const names = found.map((name) => name.replaceAll(path.sep, '/'));
  return names.map((name) => ({ name, source: fs.readFileSync(path.join(lib, name), 'utf8') }));
}

module.exports = { sources };
