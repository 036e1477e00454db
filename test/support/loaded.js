'use strict';
// Whether a library is loaded in this process: what unloading is about.

const fs = require('node:fs');
const { windows } = require('./platform.js');

const MAPS = '/proc/self/maps';
let handleOf;

function isLoadedInWindows(file) {
  const koffi = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');
  handleOf ??= koffi.load('kernel32.dll').func('void *GetModuleHandleW(str16 name)');
  return handleOf(file) !== null;
}

const isInMaps = (file) => fs.readFileSync(MAPS, 'utf8').includes(fs.realpathSync(file));

module.exports = {
  canTell: windows || fs.existsSync(MAPS),
  isLoaded: windows ? isLoadedInWindows : isInMaps,
};
