'use strict';
// ffi-tally, or with `recipe` as the last argument what everybody copies: a FinalizationRegistry.

const fs = require('node:fs');
const koffi = require('../../lib/ffi/koffi');

const [path, ...numbers] = process.argv.slice(2, 6);
const [images, bytes, cap] = numbers.map(Number);
const lib = koffi.load(path);
koffi.owned('Image', 'void *', { free: 'image_free', size: bytes });
const create = lib.func(
  process.argv[6] === 'recipe' ? 'void *image_new(size_t bytes)' : 'Image image_new(size_t bytes)',
);
const free = lib.func('void image_free(void *image)');
const freed = lib.func('long image_freed()');
const registry = new FinalizationRegistry(free);

let made = 0;
let peak = 0;
for (; made < images && peak < cap; made++) {
  const image = create(bytes);
  if (process.argv[6] === 'recipe') registry.register({ image }, image);
  peak = Math.max(peak, Number(fs.readFileSync('/proc/self/statm', 'utf8').split(' ')[1]) * 4096);
}
console.log(JSON.stringify({ made, freed: freed(), peak }));
