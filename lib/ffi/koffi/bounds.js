'use strict';
// What koffi.decode() and koffi.encode() are asked for of a tracked pointer, against its size.

const { access } = require('../../pointers/tracked-pointer');
const { OutOfBoundsError } = require('../../support/errors');
const { describe } = require('./dialect');

// What koffi.decode.string() and the like read for each unit of a length.
const UNITS = { string: 'char', string16: 'char16_t', string32: 'char32_t', wstring: 'wchar_t' };

const isOffset = (value) => typeof value === 'number' || typeof value === 'bigint';

class Bounds {
  #koffi;
  #extents = new Map(); // type -> { bytes, isText }
  #type; // asked for last
  #extent;
  #bytes = 0; // of one of these

  constructor(koffi) {
    this.#koffi = koffi;
  }

  /** The types are others from now on. */
  clear() {
    this.#extents.clear();
    this.#type = undefined;
  }

  /** What koffi.decode() and koffi.encode(), `what`, do with `length` of `type` at `offset`. */
  check(what, pointer, offset, type, length) {
    const bound = access.boundOf(pointer);
    // What usually is so, and short, so that V8 puts it into its callers.
    const isOne = type === this.#type && length === undefined;
    if (isOne && typeof offset === 'number' && offset >= 0 && offset + this.#bytes <= bound) return;
    if (bound !== Infinity) this.#checkRarely(what, pointer, offset, type, length, bound);
  }

  #checkRarely(what, pointer, offset, type, length, bound) {
    if (type !== this.#type) this.#look(type);
    const { bytes, isText } = this.#extent;
    const from = Number(offset);
    // Of a length that is negative only Koffi knows the end, and of a string it is that of its characters, which are elsewhere.
    const count = length === undefined || length === null || isText ? 1 : Math.max(Number(length), 0);
    const end = from + bytes * count;
    if (from >= 0 && (end <= bound || end <= access.boundAnew(pointer))) return;
    if (from === 0 && count === 1 && this.#isOwn(pointer, type)) return;
    if (!Number.isNaN(from + count))
      throw new OutOfBoundsError(what, from, bytes * count, pointer.label, Math.max(bound, 0));
  }

  /** The same for koffi.decode.int(pointer) and the like, `name` being 'int', and for strings of that length. */
  checkNamed(name, pointer, length) {
    const unit = UNITS[name];
    this.check('decode', pointer, 0, unit ?? name, unit === undefined ? 1 : (length ?? -1));
  }

  // The declaration says what is there, whatever the size counts.
  #isOwn(pointer, type) {
    return access.kindOf(pointer).type?.base === describe(this.#koffi, type).name;
  }

  #look(type) {
    let extent = this.#extents.get(type);
    if (extent === undefined) {
      extent = { bytes: 0, isText: false }; // of what is no type, of which Koffi complains
      try {
        const { size, primitive } = describe(this.#koffi, type);
        extent = { bytes: size ?? 0, isText: primitive.startsWith('String') };
        this.#extents.set(type, extent);
      } catch {
        // as above
      }
    }
    this.#type = type;
    this.#extent = extent;
    this.#bytes = extent.bytes;
  }
}

module.exports = { Bounds, isOffset };
