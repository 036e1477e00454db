'use strict';

const { koffi, leaks, report } = require('./setup.js');

koffi.opaque('gdImage');
const lib = koffi.load('libgd.so.3');
const create = lib.func('gdImage *gdImageCreateTrueColor(int width, int height)');
const draw = lib.func('void gdImageFilledRectangle(gdImage *image, int x, int y, int w, int h, int color)');
const destroy = lib.func('void gdImageDestroy(gdImage *image)');
let bytes = 0;
for (let i = 0; i < 40; i++) {
  const image = create(1000, 500);
  draw(image, 0, 0, 10, 10, 0xff0000);
  if (leaks && i % 4 !== 0) bytes += 4 * 1000 * 500;
  else destroy(image);
}
report(bytes);
