'use strict';
// ArrayBuffers over the memory of tracked pointers. When that may be freed, native/env/views.h knows.

const { setImmediate } = require('node:timers');
const binding = require('../binding');
const { relieve } = require('../reclaim/reclaim');
const { checkSize } = require('../support/check');
const { ArgumentValueError, NoViewsError, OutOfMemoryError } = require('../support/errors');
const { needRoomForTimer } = require('../support/stack');

class Returned {
  constructor(buffer) {
    return buffer;
  }
}

/** Has a buffer keep its pointer, by a private field: minor collections do not look into a WeakMap. */
class Owned extends Returned {
  #pointer;

  constructor(buffer, pointer) {
    super(buffer);
    this.#pointer = pointer;
  }

  static has(buffer) {
    return #pointer in buffer;
  }

  static pointerOf(buffer) {
    return buffer.#pointer;
  }
}

/** The pointer whose memory `value` is a view of, or an array over a view; else undefined. */
function pointerOf(value) {
  if (!exports.any || typeof value !== 'object' || value === null) return undefined;
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
  return Owned.has(buffer) ? Owned.pointerOf(buffer) : undefined;
}

// The length, or undefined for the size of the pointer.
function checkLength(pointer, length) {
  const most = exports.extentOf(pointer);
  if (length === undefined) return most === Infinity || most === pointer.size ? undefined : most;
  const bytes = checkSize(length, 'length');
  if (bytes > most) {
    const what = most < pointer.size ? 'what C allocated at its address' : 'the size of the pointer';
    throw new ArgumentValueError(length, 'length', `at most ${most}, ${what}`);
  }
  return bytes;
}

let turning = false;

function turn() {
  turning = false;
  binding.weakenViews();
}

/** The view of that length, or of the size of the pointer. */
function open(pointer, slot, length) {
  const buffer = binding.view(slot, checkLength(pointer, length));
  if (buffer === null) throw new ArgumentValueError(length, 'length', 'what one ArrayBuffer can hold');
  if (buffer === undefined) throw new NoViewsError();
  if (buffer === false) throw new OutOfMemoryError();
  if (Owned.has(buffer)) return buffer;
  exports.any = true;
  new Owned(buffer, pointer);
  if (!turning) {
    needRoomForTimer();
    // An idle loop has nothing to wait for here.
    setImmediate(turn).unref();
    turning = true; // now, because a full stack may have refused
  }
  const advice = binding.adviseForViews();
  if (advice !== 0) relieve(advice);
  return buffer;
}

function allocate(length) {
  try {
    return Buffer.allocUnsafeSlow(length);
  } catch {
    throw new ArgumentValueError(length, 'length', 'what there is memory for, in one Buffer');
  }
}

/** A Buffer with a copy of that many bytes, or of all. */
function copy(pointer, length) {
  const buffer = allocate(checkLength(pointer, length) ?? pointer.size);
  binding.copyMemory(pointer.address, buffer);
  return buffer;
}

const { MINOR } = binding.protocol.advice;

/** Lets go of the views that died young, if there are views: a pointer, or its child, may be in use by no other. */
function letGo() {
  if (!binding.hasViews()) return false;
  relieve(MINOR);
  return true;
}

// Node-API detaches buffers, too, but where that is forbidden it ends the process.
const { transfer } = ArrayBuffer.prototype;
if (transfer !== undefined) binding.detachViewsBy(transfer); // which holds it weakly

// Set by the class: how much of a pointer may be viewed, and whether its size limits that. `any`: whether there ever was a
// view.
Object.assign(exports, {
  any: false,
  extentOf: undefined,
  isBounded: undefined,
  copy,
  letGo,
  open,
  pointerOf,
  transfer,
});
