'use strict';
// ffi-tally. Each image is freed as soon as it is done with.

const koffi = require('../../lib/ffi/koffi'); // 'ffi-tally/koffi' in your program
const { imageLibrary } = require('../paths');

const lib = koffi.load(imageLibrary);
koffi.opaque('Image');
koffi.owned('OwnedImage', 'Image *', { free: 'image_free', size: 'image_bytes' });
const load = lib.func('OwnedImage image_load(const char *path)');
const pixel = lib.func('uint32_t image_pixel(const Image *image, int x, int y)');

module.exports = function readPixel(file, x, y) {
  const image = load(file); // `using image = load(file)`, from Node.js 24 on, makes try and finally needless
  if (image === null) throw new Error(`Cannot decode ${file}`);
  try {
    return pixel(image, x, y);
  } finally {
    image.dispose();
  }
};
