'use strict';
// Makes what the benchmark needs and git does not hold: the allocator, the peers' addons, a picture.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { imageLibrary } = require('../demo/paths');
const { addon, basicAddon, blocksLibrary, picture } = require('./paths');

const native = path.join(__dirname, 'native');
const sources = [
  path.join(__dirname, 'binding.gyp'),
  ...fs.readdirSync(native).map((name) => path.join(native, name)),
];

function modified(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function isFresh(file, inputs) {
  return inputs.every((input) => modified(file) > modified(input));
}

function buildAddons() {
  if ([blocksLibrary, addon, basicAddon].every((file) => isFresh(file, sources))) return;
  console.error("Building the benchmark's addons ...");
  const args = [require.resolve('node-gyp/bin/node-gyp.js'), 'rebuild', '--loglevel=warn'];
  // Headers that came with this Node make the build independent of the network.
  const prefix = path.dirname(path.dirname(process.execPath));
  if (fs.existsSync(path.join(prefix, 'include/node/node_api.h'))) args.push(`--nodedir=${prefix}`);
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: __dirname, encoding: 'utf8' });
  if (status !== 0) throw new Error(`Building the benchmark's addons failed\n${stdout}${stderr}`);
}

// Smaller than the demo's own, so that a server can answer some hundred requests a second.
const WIDTH = 640;
const HEIGHT = 480;

function pixels() {
  const rgba = Buffer.alloc(WIDTH * HEIGHT * 4);
  for (let y = 0, at = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++, at += 4) {
      const noisy = ((x >> 6) + (y >> 6)) & 1 ? Math.imul(x + y * WIDTH, 0x9e3779b1) >>> 28 : 0;
      rgba.writeUInt32BE((((x & 255) << 24) | ((y & 255) << 16) | (noisy << 8) | 255) >>> 0, at);
    }
  }
  return rgba;
}

function writePicture() {
  if (isFresh(picture, [imageLibrary, __filename])) return;
  const save = require('koffi')
    .load(imageLibrary)
    .func('int image_save(const char *path, const uint8_t *rgba, int width, int height)');
  if (save(picture, pixels(), WIDTH, HEIGHT) !== 0) throw new Error(`Cannot write ${picture}`);
}

module.exports = function build() {
  buildAddons();
  require('../demo/build')();
  writePicture();
};
