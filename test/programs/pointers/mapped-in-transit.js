'use strict';
// Prints whether the library of a destructor is mapped while its pointer is on its way, and after its end.

const { collect, handOver, takeOver, withOwnership } = require('../../../lib');
const { counting2 } = require('../../support/counting.js');
const { isLoaded } = require('../../support/loaded.js');
const things = require('../../support/things.js');

const koffi = withOwnership(things.koffi);

function makeToken() {
  koffi.owned('OwnedThing', 'void *', { free: 'thing_free', size: 10 });
  const library = koffi.load(counting2);
  const token = handOver(library.func('OwnedThing thing_new(size_t bytes)')(10));
  library.unload();
  return token;
}

function isMapped() {
  collect();
  return isLoaded(counting2);
}

const token = makeToken();
const before = isMapped();
(() => takeOver(token).dispose())();
console.log(before, isMapped());
