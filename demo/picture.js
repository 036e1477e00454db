'use strict';
// The picture that the demo decodes: a sky, a sun, hills and a window, so that every kind of QOI chunk occurs.
// Each pixel is known by its place, which is how the demo knows that what C decoded is right.

const width = 1600;
const height = 1250;
const horizon = 800;

function noise(x, y) {
  const mixed = Math.imul(Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1), 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) & 255;
}

function colourAt(x, y) {
  const fromSun = (x - 1150) ** 2 + (y - 300) ** 2;
  if (fromSun < 120 ** 2) return [255, 214, 92, 255];
  if (x >= 192 && x < 512 && y >= 192 && y < 352)
    return (x ^ y) & 32 ? [250, 250, 250, 96] : [40, 60, 90, 160];

  const hill = horizon + Math.round(90 * Math.sin(x / 170) + 40 * Math.sin(x / 61));
  if (y < hill) return [90 + (y >> 4), 150 + (y >> 4), 235, 255];

  const depth = y - hill;
  if (depth < 40) return [50 + (noise(x, y) & 3), 120 + (depth >> 1) + (noise(y, x) & 7), 60, 255];
  if (depth < 60) return [noise(x, y), noise(y, x), noise(x + 7, y), 255];
  return [70 + ((x >> 3) & 15), 110 - (depth >> 4), 50 + ((x + y) & 1), 255];
}

/** The pixel as 0xRRGGBBAA. */
function pixelAt(x, y) {
  const [red, green, blue, alpha] = colourAt(x, y);
  return ((red << 24) | (green << 16) | (blue << 8) | alpha) >>> 0;
}

/** All pixels, four bytes each: R, G, B, A. */
function paint() {
  const rgba = Buffer.alloc(width * height * 4);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) rgba.writeUInt32BE(pixelAt(x, y), at);
  }
  return rgba;
}

module.exports = { width, height, pixelAt, paint };
