'use strict';
// A heap snapshot as V8 writes it, read and written in pieces: it may be far larger than a Buffer. Each node and each edge is
// some numbers there, on a line until Node 24.

const fs = require('node:fs');
const { UnsupportedError } = require('../../support/errors');

const PIECE = 1 << 20;
const ZERO = 48;
const COMMA = 44;
const LONGEST = 256; // of what one node or edge is written as
const SHORT = 64; // bytes, which are faster copied one by one
const NODES = '"nodes":[';
const EDGES = '],\n"edges":[';

const isDigit = (byte) => (byte ^ ZERO) < 10;

/** Reads a file from its beginning to its end. */
class Reader {
  #file;
  #piece = Buffer.alloc(PIECE);
  #offset = 0; // of the piece, in the file
  #end = 0;
  #at = 0; // in the piece

  constructor(name) {
    this.#file = fs.openSync(name, 'r');
  }

  get position() {
    return this.#offset + this.#at;
  }

  close() {
    fs.closeSync(this.#file);
  }

  /** Has more bytes at hand, after those that are not read yet; false at the end of the file. */
  #more() {
    this.#piece.copyWithin(0, this.#at, this.#end);
    this.#end -= this.#at;
    this.#offset += this.#at;
    this.#at = 0;
    const count = fs.readSync(this.#file, this.#piece, this.#end, this.#piece.length - this.#end);
    this.#end += count;
    return count > 0;
  }

  /** Skips all up to the end of `word`, and copies it to `writer`, if there is one. */
  passTo(word, writer) {
    for (let found = -1; found < 0;) {
      found = this.#piece.subarray(0, this.#end).indexOf(word, this.#at);
      const to = found < 0 ? Math.max(this.#at, this.#end - word.length + 1) : found + word.length;
      writer?.bytes(this.#piece, this.#at, to);
      this.#at = to;
      if (found < 0 && !this.#more())
        throw new UnsupportedError(`V8 writes heap snapshots without ${word} there`);
    }
  }

  /** The text up to the end of `word`. */
  upTo(word) {
    let text = '';
    this.passTo(word, { bytes: (piece, from, to) => (text += piece.toString('latin1', from, to)) });
    return text;
  }

  /**
   * Calls visit(row, piece, from, to, index) for each of `count` nodes or edges. What it is written as, with what separates it
   * from the one before, lies in the piece. Its numbers are in `row`, and where these begin in `places`. What the visitor keeps
   * it must copy.
   */
  rows(count, row, visit, places = []) {
    const piece = this.#piece;
    const width = row.length;
    for (let index = 0; index < count; index++) {
      if (this.#end - this.#at < LONGEST) this.#more();
      const from = this.#at;
      let at = from;
      for (let field = 0; field < width; field++) {
        while (piece[at] < ZERO) at++;
        places[field] = at;
        let value = 0;
        for (let byte = piece[at]; isDigit(byte); byte = piece[++at]) value = value * 10 + byte - ZERO;
        row[field] = value;
      }
      places[width] = at + 1;
      this.#at = at;
      visit(row, piece, from, at, index);
    }
  }

  /** Skips so many numbers of a list. */
  skip(numbers) {
    if (numbers === 0) return;
    const piece = this.#piece;
    if (this.#at === this.#end) this.#expectMore();
    let commas = isDigit(piece[this.#at]) ? numbers - 1 : numbers; // none is before the first
    while (commas > 0) {
      if (this.#at === this.#end) this.#expectMore();
      let at = this.#at;
      for (; at < this.#end && commas > 0; at++) if (piece[at] === COMMA) commas--;
      this.#at = at;
    }
    if (this.#end - this.#at < LONGEST) this.#more();
    while (isDigit(piece[this.#at])) this.#at++;
  }

  /** Skips all before that position, or before the end, and copies it to `writer`, if there is one. */
  passToPosition(position, writer) {
    while (this.position < position) {
      if (this.#at === this.#end && !this.#more()) return;
      const to = Math.min(this.#end, position - this.#offset);
      writer?.bytes(this.#piece, this.#at, to);
      this.#at = to;
    }
  }

  #expectMore() {
    if (!this.#more()) throw new UnsupportedError('The heap snapshot ends too early');
  }
}

/** Writes a file in pieces. */
class Writer {
  #file;
  #piece = Buffer.alloc(PIECE);
  #end = 0;

  constructor(name) {
    this.#file = fs.openSync(name, 'w');
  }

  flush() {
    for (let at = 0; at < this.#end;) at += fs.writeSync(this.#file, this.#piece, at, this.#end - at);
    this.#end = 0;
  }

  close() {
    this.flush();
    fs.closeSync(this.#file);
  }

  /** What lies between `from` and `to`, with `value` in place of what is between `begin` and `end`. */
  replaced(piece, from, to, begin, end, value) {
    this.bytes(piece, from, begin);
    if (this.#end + LONGEST > PIECE) this.flush();
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    for (let at = this.#end + digits - 1, rest = value; at >= this.#end; at--, rest = Math.floor(rest / 10)) {
      this.#piece[at] = ZERO + (rest % 10);
    }
    this.#end += digits;
    this.bytes(piece, end, to);
  }

  text(text) {
    this.bytes(Buffer.from(text), 0, Buffer.byteLength(text));
  }

  bytes(source, from, to) {
    if (to - from < SHORT && this.#end + SHORT <= PIECE) {
      const piece = this.#piece;
      let end = this.#end;
      for (let at = from; at < to; at++) piece[end++] = source[at];
      this.#end = end;
      return;
    }
    while (from < to) {
      if (this.#end === PIECE) this.flush();
      const count = Math.min(to - from, PIECE - this.#end);
      source.copy(this.#piece, this.#end, from, from + count);
      this.#end += count;
      from += count;
    }
  }
}

/** The beginning of a snapshot: { meta, node_count, edge_count, ... }. */
function readHead(reader) {
  const text = reader.upTo(NODES);
  return JSON.parse(`${text.slice(0, text.lastIndexOf(','))}}`).snapshot;
}

module.exports = { EDGES, NODES, Reader, Writer, readHead };
