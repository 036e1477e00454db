'use strict';
// A profile as pprof reads it (profile.proto), with the sample types of Go's heap profiles.

const zlib = require('node:zlib');

const VARINT = 0;
const BYTES = 2;
const TYPES = [
  ['alloc_objects', 'count', ({ allocated }) => allocated.blocks],
  ['alloc_space', 'bytes', ({ allocated }) => allocated.bytes],
  ['inuse_objects', 'count', ({ inUse }) => inUse.blocks],
  ['inuse_space', 'bytes', ({ inUse }) => inUse.bytes],
  ['peak_space', 'bytes', ({ atPeak }) => atPeak.bytes],
  ['temporary_space', 'bytes', ({ temporary }) => temporary.bytes],
];

function varint(value) {
  const bytes = [];
  let rest = BigInt(Math.max(value, 0));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

/** A field of a message: a number, a list of numbers, or what is written already. */
function field(number, value) {
  if (typeof value === 'number') return Buffer.concat([varint((number << 3) | VARINT), varint(value)]);
  const body = Array.isArray(value) ? Buffer.concat(value.map(varint)) : value;
  return Buffer.concat([varint((number << 3) | BYTES), varint(body.length), body]);
}
const message = (...fields) => Buffer.concat(fields);

/** Numbers of things by what tells them apart, from `first` on. */
class Numbers {
  #known = new Map();

  constructor(first) {
    this.first = first;
  }

  of(key, add) {
    if (!this.#known.has(key)) {
      this.#known.set(key, this.first + this.#known.size);
      add(this.#known.get(key));
    }
    return this.#known.get(key);
  }
}

function pprof({ sites, every, startedAt, seconds }) {
  const parts = [];
  const texts = [];
  const strings = new Numbers(0);
  const functions = new Numbers(1);
  const locations = new Numbers(1);
  const text = (string) => strings.of(string, () => texts.push(string));
  text('');
  const functionOf = ({ name, file }) =>
    functions.of(`${name}|${file}`, (id) => {
      const named = text(name);
      parts.push(field(5, message(field(1, id), field(2, named), field(3, named), field(4, text(file)))));
    });
  const locationOf = (frame) =>
    locations.of(`${frame.name}|${frame.file}|${frame.line}`, (id) => {
      const line = message(field(1, functionOf(frame)), field(2, frame.line));
      parts.push(field(4, message(field(1, id), field(4, line))));
    });
  const typeOf = (type, unit) => message(field(1, text(type)), field(2, text(unit)));
  for (const [type, unit] of TYPES) parts.push(field(1, typeOf(type, unit)));
  for (const site of sites) {
    const leafFirst = site.frames.map(locationOf).reverse();
    const values = TYPES.map(([, , valueOf]) => valueOf(site));
    parts.push(field(2, message(field(1, leafFirst), field(2, values))));
  }
  // Nanoseconds, of which a number has not all digits.
  parts.push(field(9, Math.round(startedAt) * 1e6), field(10, Math.round(seconds * 1e9)));
  parts.push(field(11, typeOf('space', 'bytes')), field(12, every), field(14, text('inuse_space')));
  for (const string of texts) parts.push(field(6, Buffer.from(string)));
  return zlib.gzipSync(Buffer.concat(parts));
}

module.exports = { pprof };
