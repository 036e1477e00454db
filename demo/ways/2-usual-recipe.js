'use strict';
// The recipe everyone copies. V8 is told the truth, but the registry calls back from the event loop only.

const koffi = require('koffi');
const { imageLibrary, recipeAddon } = require('../paths');
const { adjustExternalMemory } = require(recipeAddon);

const lib = koffi.load(imageLibrary);
koffi.opaque('Image');
const load = lib.func('Image *image_load(const char *path)');
const free = lib.func('void image_free(Image *image)');
const bytes = lib.func('size_t image_bytes(const Image *image)');
const pixel = lib.func('uint32_t image_pixel(const Image *image, int x, int y)');

const registry = new FinalizationRegistry(({ address, size }) => {
  free(address);
  adjustExternalMemory(-size);
});

module.exports = function readPixel(file, x, y) {
  const address = load(file);
  if (address === null) throw new Error(`Cannot decode ${file}`);
  const size = bytes(address);
  const image = { address };
  registry.register(image, { address, size });
  adjustExternalMemory(size);
  return pixel(image.address, x, y);
};
