'use strict';
// What the peers own: memory that one C function makes and another frees.

const { imageLibrary } = require('../demo/paths');
const { blocksLibrary } = require('./paths');

module.exports = {
  /** make(bytes) */
  block: {
    file: blocksLibrary,
    type: 'Block',
    make: (result) => `${result} block_new(size_t bytes)`,
    free: 'block_free',
    size: (address, bytes) => bytes,
  },
  /** make(path) */
  image: {
    file: imageLibrary,
    type: 'Image',
    make: (result) => `${result} image_load(const char *path)`,
    free: 'image_free',
    size: 'image_bytes',
  },
};
