'use strict';
// A heap snapshot as V8 writes it, read and written in pieces: it may be far larger than a Buffer. Each node and each edge is
// a line of numbers there.

const fs = require('node:fs');
const { UnsupportedError } = require('../../support/errors');

const PIECE = 1 << 20;
const NEWLINE = 10;
const ZERO = 48;
const COMMA = 44;
const QUOTE = 34;
const BACKSLASH = 92;
const BRACKET = 93; // the closing one
const LONGEST = 256; // of a line
const SHORT = 64; // bytes, which are faster copied one by one
const NODES = '"nodes":[';
const EDGES = '],\n"edges":[';
const STRINGS = '"strings":[';

/** Reads a file from its beginning to its end. */
class Reader {
  #file;
  #piece = Buffer.alloc(PIECE);
  #end = 0;
  at = 0; // in the piece

  constructor(name) {
    this.#file = fs.openSync(name, 'r');
  }

  close() {
    fs.closeSync(this.#file);
  }

  /** Has more bytes at hand, after those that are not read yet; false at the end of the file. */
  #more() {
    this.#piece.copyWithin(0, this.at, this.#end);
    this.#end -= this.at;
    this.at = 0;
    const count = fs.readSync(this.#file, this.#piece, this.#end, this.#piece.length - this.#end);
    this.#end += count;
    return count > 0;
  }

  /** The bytes at hand from here on; at least one, unless the file ends here. */
  rest() {
    if (this.at === this.#end) this.#more();
    return this.#piece.subarray(this.at, this.#end);
  }

  /** Skips all up to the end of `word`, and copies it to `writer`, if there is one. */
  passTo(word, writer) {
    for (let found = -1; found < 0;) {
      found = this.#piece.subarray(0, this.#end).indexOf(word, this.at);
      const to = found < 0 ? Math.max(this.at, this.#end - word.length + 1) : found + word.length;
      writer?.bytes(this.#piece, this.at, to);
      this.at = to;
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
   * Calls visit(row, piece, from, to, index) for each of `count` lines, which lie in the piece with their newlines; their
   * numbers are in `row`, which begin at `places` in the piece, if that is wanted. What the visitor keeps it must copy.
   */
  rows(count, row, visit, places = []) {
    for (let index = 0; index < count; index++) {
      if (this.#end - this.at < LONGEST) this.#more();
      const piece = this.#piece;
      const from = this.at;
      let at = piece[from] === COMMA ? from + 1 : from; // all lines but the first begin with one
      let field = 0;
      let value = 0;
      places[0] = at;
      for (let byte = piece[at]; byte !== NEWLINE; byte = piece[++at]) {
        if (byte === COMMA) {
          row[field++] = value;
          places[field] = at + 1;
          value = 0;
        } else {
          value = value * 10 + byte - ZERO;
        }
      }
      row[field] = value;
      this.at = at + 1;
      visit(row, piece, from, this.at, index);
    }
  }

  /** Skips `count` lines, and copies them to `writer`, if there is one. */
  pass(count, writer) {
    while (count > 0) {
      const piece = this.#expect();
      let at = 0;
      for (; at < piece.length && count > 0; at++) if (piece[at] === NEWLINE) count--;
      writer?.bytes(piece, 0, at);
      this.at += at;
    }
  }

  /** The same of lines whose first number has one digit, and is `digit` in the copy. */
  passAs(digit, count, writer) {
    let isFirst = false; // whether what comes is that digit
    let last = NEWLINE;
    while (count > 0) {
      const piece = this.#expect();
      let at = 0;
      for (; at < piece.length && count > 0; at++) {
        const byte = piece[at];
        if (isFirst) piece[at] = ZERO + digit;
        isFirst = byte === COMMA && last === NEWLINE;
        if (byte === NEWLINE) count--;
        last = byte;
      }
      writer.bytes(piece, 0, at);
      this.at += at;
    }
  }

  /** Copies numbers up to the end of their list, `width` on a line. */
  copyInLines(width, writer) {
    for (let commas = 0; ;) {
      const piece = this.#expect();
      let from = 0;
      let at = 0;
      for (; at < piece.length && piece[at] !== BRACKET; at++) {
        if (piece[at] !== COMMA || ++commas < width) continue;
        writer.bytes(piece, from, at);
        writer.newline();
        from = at;
        commas = 0;
      }
      writer.bytes(piece, from, at);
      this.at += at;
      if (at < piece.length) return writer.newline();
    }
  }

  /** Copies the rest, strings, each on a line. */
  copyStrings(writer) {
    let isInside = false;
    let isEscaped = false;
    for (let piece = this.rest(); piece.length > 0; piece = this.rest()) {
      let from = 0;
      for (let at = 0; at < piece.length; at++) {
        const byte = piece[at];
        if (isEscaped) {
          isEscaped = false;
        } else if (byte === QUOTE) {
          isInside = !isInside;
        } else if (isInside) {
          isEscaped = byte === BACKSLASH;
        } else if (byte === COMMA) {
          writer.bytes(piece, from, at + 1);
          writer.newline();
          from = at + 1;
        }
      }
      writer.bytes(piece, from, piece.length);
      this.at += piece.length;
    }
  }

  #expect() {
    const piece = this.rest();
    if (piece.length === 0) throw new UnsupportedError('The heap snapshot ends too early');
    return piece;
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

  /** `value` in place of what stands between `begin` and `end` of a line. */
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

  /** A line of numbers, after the first of its kind. */
  row(row) {
    if (this.#end + LONGEST > PIECE) this.flush();
    this.#end += this.#piece.latin1Write(`,${row.join(',')}\n`, this.#end);
  }

  newline() {
    if (this.#end === PIECE) this.flush();
    this.#piece[this.#end++] = NEWLINE;
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

/** Writes the file anew with each node, edge and string on a line, if it is not so: from Node 24 on V8 does without. */
function breakLines(name) {
  const reader = new Reader(name);
  try {
    const head = readHead(reader);
    if (reader.rest().subarray(0, LONGEST).includes(NEWLINE)) return;
    const writer = new Writer(`${name}.lines`);
    try {
      writer.text(`{"snapshot":${JSON.stringify(head)},\n${NODES}`);
      reader.copyInLines(head.meta.node_fields.length, writer);
      reader.passTo(EDGES, writer);
      reader.copyInLines(head.meta.edge_fields.length, writer);
      reader.passTo(STRINGS, writer);
      reader.copyStrings(writer);
    } finally {
      writer.close();
    }
  } finally {
    reader.close();
  }
  fs.renameSync(`${name}.lines`, name);
}

module.exports = { EDGES, NEWLINE, NODES, STRINGS, Reader, Writer, breakLines, readHead };
