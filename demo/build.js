'use strict';
// Makes what the demo needs and git does not hold: the image library, the recipe's addon, the picture.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { imageLibrary, recipeAddon, picture } = require('./paths');
const { width, height, paint } = require('./picture');

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

function buildLibraries() {
  if (isFresh(imageLibrary, sources) && isFresh(recipeAddon, sources)) return;
  console.error("Building the demo's C library ...");
  const args = [require.resolve('node-gyp/bin/node-gyp.js'), 'rebuild', '--loglevel=warn'];
  // Headers that came with this Node make the build independent of the network.
  const prefix = path.dirname(path.dirname(process.execPath));
  if (fs.existsSync(path.join(prefix, 'include/node/node_api.h'))) args.push(`--nodedir=${prefix}`);
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: __dirname, encoding: 'utf8' });
  if (status !== 0) throw new Error(`Building the demo's C library failed\n${stdout}${stderr}`);
}

function writePicture() {
  if (isFresh(picture, [imageLibrary, path.join(__dirname, 'picture.js')])) return;
  const koffi = require('koffi');
  const save = koffi
    .load(imageLibrary)
    .func('int image_save(const char *path, const uint8_t *rgba, int width, int height)');
  // A demo that is interrupted here must not leave half a picture for the next one.
  const unfinished = `${picture}.${process.pid}`;
  if (save(unfinished, paint(), width, height) !== 0) throw new Error(`Cannot write ${unfinished}`);
  fs.renameSync(unfinished, picture);
}

module.exports = function build() {
  buildLibraries();
  writePicture();
};
