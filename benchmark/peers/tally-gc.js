'use strict';
// ffi-tally, and every pointer forgotten.

const withTally = require('./with-tally');

module.exports = {
  title: 'ffi-tally, by GC',
  create: (resource) => withTally(resource, () => {}),
};
