'use strict';
// How many of our C calls are on the stack. While there is one, nothing is freed: C may be using
// whatever JavaScript, called back, believes to be done with.

module.exports = { depth: 0 };
