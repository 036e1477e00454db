'use strict';
// How many of our C calls are on the stack. While there is one, nothing is freed: C may be using
// whatever JavaScript, called back, believes to be done with.

module.exports = {
  depth: 0,
  // Whether something was to be freed meanwhile.
  deferred: false,
  // Whether one of them is not a call but drain(), running what JavaScript must free.
  draining: false,
  // Whether the C that runs now is a destructor, which nobody called who could catch what it throws.
  destroying: false,
};
