'use strict';
// ArrayBuffers over the memory of tracked pointers: one for each pointer, keeping it alive, emptied when
// it is disposed.

const binding = require('../binding');
const { checkSize } = require('../support/check');
const { ArgumentValueError, NoViewsError, UnsupportedError } = require('../support/errors');

// Each keeps the other alive: pointer -> { buffer, length }, and buffer -> pointer.
const views = new WeakMap();
const owners = new WeakMap();

// A view that died with its pointer is no longer counted by V8, so what is reported must make up for it.
const { FinalizationRegistry } = globalThis;
const collected = new FinalizationRegistry((length) => binding.forgetView(length));

// A buffer moved elsewhere would no longer keep the pointer alive.
const MOVERS = ['transfer', 'transferToFixedLength'];

function refuseToMove() {
  throw new UnsupportedError('A view of native memory cannot be transferred: copy it with slice()');
}

/** The view of a pointer, made when first asked for. */
function open(pointer, address, length) {
  const known = views.get(pointer);
  if (length === undefined) length = known === undefined ? pointer.size : known.length;
  checkSize(length, 'length');
  if (known !== undefined) {
    if (length === known.length) return known.buffer;
    throw new ArgumentValueError(length, 'length', `${known.length}, with which the view was made`);
  }
  if (exports.isBounded(pointer) && length > pointer.size) {
    throw new ArgumentValueError(length, 'length', `at most ${pointer.size}, the size of the pointer`);
  }
  const buffer = binding.view(address, length);
  if (buffer === null) throw new ArgumentValueError(length, 'length', 'what one ArrayBuffer can hold');
  if (buffer === undefined) throw new NoViewsError();
  for (const name of MOVERS) {
    if (typeof buffer[name] === 'function') Object.defineProperty(buffer, name, { value: refuseToMove });
  }
  views.set(pointer, { buffer, length });
  owners.set(buffer, pointer);
  collected.register(buffer, length, buffer);
  exports.any = true;
  return buffer;
}

/** Empties the view of a pointer, if it has one. */
function close(pointer) {
  const known = views.get(pointer);
  if (known === undefined) return;
  views.delete(pointer);
  collected.unregister(known.buffer);
  binding.detach(known.buffer);
  binding.forgetView(known.length);
}

/** The memory has become smaller: a view that would reach past it is emptied. */
function shrink(pointer, size) {
  if (views.get(pointer)?.length > size && exports.isBounded(pointer)) close(pointer);
}

// Set by the class: whether a pointer's size limits its view. `any`: whether there ever was a view.
Object.assign(exports, { any: false, isBounded: undefined, close, open, shrink });
