'use strict';
// A destructor called by hand: how a pointer is disposed of in C's own words.

const { access } = require('../../pointers/tracked-pointer');

/** The pointer among `args` that a call of `plan` frees, because the function is its destructor; undefined for none. */
function freed({ params, frees }, converts, args) {
  for (let i = 0; i < params.length; i++) {
    const role = params[i]?.role;
    if (role !== 'borrow' && role !== 'consume') continue;
    if (!access.isTracked(args[i]) || !frees(access.kindOf(args[i]).destructor, i)) continue;
    converts[i](args[i]); // for its complaints
    return args[i];
  }
  return undefined;
}

module.exports = { freed };
