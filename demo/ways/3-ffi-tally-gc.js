'use strict';
// ffi-tally. The handle is forgotten as with plain Koffi, and the pixels are freed in time.

const koffi = require('../../lib/ffi/koffi'); // 'ffi-tally/koffi' in your program
const { imageLibrary } = require('../paths');

const lib = koffi.load(imageLibrary);
koffi.opaque('Image');
koffi.owned('OwnedImage', 'Image *', { free: 'image_free', size: 'image_bytes' });
const load = lib.func('OwnedImage image_load(const char *path)');
const pixel = lib.func('uint32_t image_pixel(const Image *image, int x, int y)');

module.exports = function readPixel(file, x, y) {
  const image = load(file);
  if (image === null) throw new Error(`Cannot decode ${file}`);
  return pixel(image, x, y);
};
