'use strict';
// Declarations as Koffi can read them. Its parser ends the process at a type of which only 'const' is left, as in
// `const Unknown *` and `T *const name`, and at '!' behind what is no pointer. To it 'const' means nothing. An array of
// pointers as a parameter, `char *const argv[]`, which it cannot read, is a pointer to pointers in C.

const { ArgumentValueError, UnsupportedError } = require('../../support/errors');
const { describe, resolve } = require('./dialect');

function refuseMarks(koffi, text) {
  for (const [, name] of text.matchAll(/(\w+)\s*!/g)) {
    const type = resolve(koffi, name);
    if (type === undefined || /^(Pointer|String)/.test(describe(koffi, type).primitive)) continue;
    throw new UnsupportedError(`'!' has no effect on '${name}', which is no pointer: write it without`);
  }
}

function readable(koffi, text) {
  refuseMarks(koffi, text);
  return text.replace(/\bconst\b\s*/g, '').replace(/\*\s*(\w*)\s*\[[\w\s]*\](?=\s*[,)])/g, '**$1');
}

/** The name of a new owned type, which may be that of no other, as 'void *' is. */
function checkName(name) {
  if (typeof name === 'string' && /[\s*]/.test(name)) {
    throw new ArgumentValueError(name, 'name', 'a new name, which stands for the pointer: without a star');
  }
}

/** The arguments of `lib.func()` or `koffi.proto()`: a prototype, or names and types. */
const declaration = (koffi, args) =>
  args.map((arg) => {
    if (Array.isArray(arg)) return declaration(koffi, arg);
    return typeof arg === 'string' ? readable(koffi, arg) : arg;
  });

module.exports = { checkName, declaration };
