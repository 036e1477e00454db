'use strict';
// An addon that frees in a finalizer and tells V8 nothing.

const { addon } = require('../paths');
const withAddon = require('./with-addon');

module.exports = {
  title: 'addon, naive: finalizer',
  create: (resource) => withAddon(require(addon).attach)(resource),
};
