'use strict';

const path = require('node:path');

const release = path.join(__dirname, 'build/Release');
const extension = { win32: '.dll', darwin: '.dylib' }[process.platform] ?? '.so';

module.exports = {
  blocksLibrary: path.join(release, `blocks${extension}`),
  addon: path.join(release, 'addon.node'),
  basicAddon: path.join(release, 'addon_basic.node'),
  picture: path.join(__dirname, 'build/picture.qoi'),
};
