'use strict';
// ffi-tally, and every pointer disposed of as soon as it is done with.

const withTally = require('./with-tally');

module.exports = {
  title: 'ffi-tally, by dispose',
  create: (resource) => withTally(resource, (pointer) => pointer.dispose()),
};
