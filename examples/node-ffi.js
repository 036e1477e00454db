'use strict';
// Images, as in gd.js, through Node's own FFI: needs Node 26.

const ffi = require('ffi-tally/node-ffi');
const { collect, stats } = require('ffi-tally');

const Image = ffi.owned('Image', {
  free: 'gdImageDestroy',
  size: (image, width, height) => 4 * width * height,
});

const { functions: gd } = ffi.dlopen(process.platform === 'darwin' ? 'libgd.dylib' : 'libgd.so.3', {
  gdImageCreateTrueColor: { arguments: ['int32', 'int32'], return: Image },
  gdImageSetPixel: { arguments: [Image.borrowed, 'int32', 'int32', 'int32'] },
  gdImageGetTrueColorPixel: { arguments: [Image.borrowed, 'int32', 'int32'], return: 'int32' },
  gdImageDestroy: { arguments: [Image] },
});

// 1000 images of 1.2 MB, dropped in a synchronous loop.
function sumOfPixels(count) {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const image = gd.gdImageCreateTrueColor(640, 480);
    gd.gdImageSetPixel(image, 100, 100, i);
    sum += gd.gdImageGetTrueColorPixel(image, 100, 100);
  }
  return sum;
}

console.log(`the sum of 1000 pixels: ${sumOfPixels(1000)}`);
console.log(`peak below 256 MB: ${stats().peakBytes < 256 * 2 ** 20}`);
const last = gd.gdImageCreateTrueColor(640, 480);
gd.gdImageDestroy(last);
console.log(`destroyed by hand: ${last.disposed}`);
collect();
console.log(`images left: ${stats().pointers}`);
