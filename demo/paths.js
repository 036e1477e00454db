'use strict';

const path = require('node:path');

const build = path.join(__dirname, 'build');
const extension = { win32: '.dll', darwin: '.dylib' }[process.platform] ?? '.so';

module.exports = {
  imageLibrary: path.join(build, 'Release', `image${extension}`),
  recipeAddon: path.join(build, 'Release', 'recipe.node'),
  picture: path.join(build, 'picture.qoi'),
};
