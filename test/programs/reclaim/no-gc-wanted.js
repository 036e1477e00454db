'use strict';
// A runtime that cannot be asked for a collection, and memory that nobody has said. Prints how often
// the process asks again for one, of fifty pointers.

require('node:v8').setFlagsFromString = () => {
  throw new Error('not here');
};
require('node:vm').createContext = () => undefined;

const koffi = require('koffi');
const { track } = require('../../../lib');
const binding = require('../../../lib/binding');

const MIB = 2 ** 20;
const libc = koffi.load('libc.so.6');
const malloc = libc.func('void *malloc(size_t size)');
const memset = libc.func('void *memset(void *p, int c, size_t size)');
const free = libc.symbol('free');

const isAsked = () => (binding.advise() & binding.protocol.advice.FOR_ALL) !== 0;

const kept = [];
function bring() {
  const address = malloc(2 * MIB);
  memset(address, 1, 2 * MIB);
  kept.push(track(address, { size: 0, free }));
}

for (let i = 0; i < 100; i++) bring(); // until it has asked
let left = 0;
for (let i = 0; i < 50; i++) {
  bring();
  if (isAsked()) left++;
}
console.log(left);
