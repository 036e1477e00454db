'use strict';
// The C library's own functions on memory, when the program calls them: no slot is involved, so what they do is told here.

const binding = require('../../binding');
const { toAddress } = require('../../pointers/destructors');

const addressOf = (pointer) => toAddress(pointer) ?? 0n;

function made(result, bytes) {
  const address = addressOf(result);
  if (address !== 0n) binding.auditMade(address, Number(bytes));
}

function given(pointer) {
  const address = addressOf(pointer);
  if (address !== 0n) binding.auditGiven(address);
}

const sized = { after: made };
const aligned = { after: (result, alignment, size) => made(result, size) };
const freeing = { before: given };

const allocators = {
  __proto__: null,
  malloc: sized,
  valloc: sized,
  calloc: { after: (result, count, size) => made(result, Number(count) * Number(size)) },
  aligned_alloc: aligned,
  memalign: aligned,
  realloc: { before: given, after: (result, pointer, size) => made(result, size) },
  free: freeing,
  'koffi.alloc': { after: (result) => made(result, binding.usableSize(addressOf(result)) ?? 0) },
  'koffi.free': freeing,
};

module.exports = { allocators };
