'use strict';
// The addon as it is usually repaired: V8 is told of the bytes when they come and when they go.

const { addon } = require('../paths');
const withAddon = require('./with-addon');

module.exports = {
  title: 'addon, "fixed": finalizer + adjust',
  create: (resource) => withAddon(require(addon).report)(resource),
};
