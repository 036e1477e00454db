'use strict';
// Plain Koffi. The handle is forgotten, and the pixels stay for ever.

const koffi = require('koffi');
const { imageLibrary } = require('../paths');

const lib = koffi.load(imageLibrary);
koffi.opaque('Image');
const load = lib.func('Image *image_load(const char *path)');
const pixel = lib.func('uint32_t image_pixel(const Image *image, int x, int y)');

module.exports = function readPixel(file, x, y) {
  const image = load(file);
  if (image === null) throw new Error(`Cannot decode ${file}`);
  return pixel(image, x, y);
};
