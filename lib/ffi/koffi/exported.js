'use strict';
// Node exports the functions of the libraries that are in it: zlib, OpenSSL and others. A library of the same names that is
// loaded calls those in place of its own, with data that only its own understand.

const binding = require('../../binding');
const { warn } = require('../../books/unowned');

const remedy = () =>
  binding.canLoadDeep
    ? 'Load the library with { deep: true }: then its own come first.'
    : 'The dynamic linker of musl cannot prefer its own: link the library with -Bsymbolic.';

/** Warns if that is so for the library that was loaded as `path`, and not with `deep`. */
function tellExported(path) {
  if (typeof path !== 'string') return;
  const name = binding.findExported(path);
  if (name === '') return;
  warn(
    'FFI_TALLY_EXPORTED',
    path,
    `'${path}' calls functions of Node's in place of its own, such as ${name}(): it may crash, whoever calls it`,
    `Node exports functions of the same names. ${remedy()}`,
  );
}

module.exports = { tellExported };
