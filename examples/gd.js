'use strict';
// Images: paints a few, looks at their pixels, and never frees one by hand.

const koffi = require('ffi-tally/koffi');
const { collect, stats } = require('ffi-tally');

const gd = koffi.load(process.platform === 'darwin' ? 'libgd.dylib' : 'libgd.so.3');

koffi.opaque('gdImage');
koffi.owned('Image', 'gdImage *', {
  free: 'gdImageDestroy',
  size: (image, width, height) => 4 * width * height,
});

const create = gd.func('Image gdImageCreateTrueColor(int width, int height)');
const fill = gd.func(
  'void gdImageFilledRectangle(gdImage *image, int x1, int y1, int x2, int y2, int color)',
);
const pixelOf = gd.func('int gdImageGetTrueColorPixel(gdImage *image, int x, int y)');
// gd has its own allocator and its own way to free what it returns.
const encode = gd.func('void *gdImagePngPtr(gdImage *image, _Out_ int *size)', {
  free: 'gdFree',
  size: 'malloc',
});
const decode = gd.func('Image gdImageCreateFromPngPtr(int size, void *data)', { size: 4 * 640 * 480 });

const first = create(640, 480);
fill(first, 0, 0, 639, 479, 0x336699);
const length = [0];
const png = encode(first, length);
console.log(`a PNG file of ${length[0]} bytes, signature ${png.copy(8).toString('hex')}`);
const second = decode(length[0], png);
console.log(`its pixel: #${pixelOf(second, 320, 240).toString(16)}`);
for (const image of [first, second, png]) image.dispose();

// 400 images of 1.2 MB, dropped in a synchronous loop.
function sumOfPixels(count) {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const image = create(640, 480);
    fill(image, 0, 0, 639, 479, i);
    sum += pixelOf(image, 100, 100);
  }
  return sum;
}

console.log(`the sum of 400 pixels: ${sumOfPixels(400)}`);
console.log(`peak below 256 MB: ${stats().peakBytes < 256 * 2 ** 20}`);
collect();
console.log(`images left: ${stats().pointers}`);
