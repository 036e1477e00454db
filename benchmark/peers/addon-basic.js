'use strict';
// The same, built so that its finalizers run inside the garbage collection (experimental Node-API).

const { basicAddon } = require('../paths');
const withAddon = require('./with-addon');

module.exports = {
  title: 'addon, "fixed", experimental basic finalizers',
  create: (resource) => withAddon(require(basicAddon).report)(resource),
};
