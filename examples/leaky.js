'use strict';
// A program with a leak, for docs/find-a-leak.md: it makes thumbnails with libgd, and forgets something. Started with
// `fixed` it does not.

const fixed = process.argv.includes('fixed');
const koffi = require(fixed ? 'ffi-tally/koffi' : 'koffi');

const gd = koffi.load(process.platform === 'darwin' ? 'libgd.dylib' : 'libgd.so.3');
koffi.opaque('gdImage');
if (fixed) koffi.owned('OwnedGdImage', 'gdImage *', { free: 'gdImageDestroy', size: 240_000 });
const Image = fixed ? 'OwnedGdImage' : 'gdImage *';
const create = gd.func('gdImage *gdImageCreateTrueColor(int width, int height)');
const scale = gd.func(`${Image} gdImageScale(gdImage *image, unsigned int width, unsigned int height)`);
const destroy = gd.func('void gdImageDestroy(gdImage *image)');
const color = gd.func('int gdImageGetTrueColorPixel(gdImage *image, int x, int y)');

/** The colour in the middle of a photo's thumbnail. */
function middle() {
  const photo = create(1200, 800);
  const thumbnail = scale(photo, 300, 200);
  destroy(photo);
  return color(thumbnail, 150, 100);
}

let turns = 0;
const timer = setInterval(() => {
  for (let i = 0; i < 10; i++) middle();
  if (++turns < 60) return;
  clearInterval(timer);
  console.log(`${10 * turns} colours`);
}, 50);
