'use strict';

const koffi = require('koffi');

const libc = koffi.load('libc.so.6');
const malloc = libc.func('void *malloc(size_t bytes)');
const free = libc.func('void free(void *block)');

function decode() {
  return malloc(10_000_000);
}
decode();
free(decode());
