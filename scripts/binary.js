'use strict';
// What a shared library shows and needs, read from its file, so that it is the same on every machine: ELF, Mach-O and PE
// of little-endian processors.
//   node scripts/binary.js FILE

const fs = require('node:fs');

const text = (bytes, start) => bytes.toString('latin1', start, bytes.indexOf(0, start));
const range = (count) => Array.from({ length: count }, (_, i) => i);
const newest = (versions) =>
  versions
    .map((version) => version.split('.').map(Number))
    .sort(([a, b], [c, d]) => a - c || b - d)
    .map((version) => version.join('.'))
    .at(-1);

function readElf(bytes) {
  const wide = bytes[4] === 2;
  const word = (at) => (wide ? Number(bytes.readBigUInt64LE(at)) : bytes.readUInt32LE(at));
  const step = wide ? 8 : 4;
  const half = (at) => bytes.readUInt16LE(at);
  const long = (at) => bytes.readUInt32LE(at);
  const [table, entry, count] = wide ? [word(40), half(58), half(60)] : [word(32), half(46), half(48)];
  const sections = range(count).map((i) => {
    const at = table + i * entry;
    // sh_flags, sh_addr, sh_offset, sh_size; then sh_link and sh_info, which are never wide.
    const fields = at + 8 + 2 * step;
    return {
      type: long(at + 4),
      offset: word(fields),
      size: word(fields + step),
      link: long(fields + 2 * step),
    };
  });
  const of = (type) => sections.find((section) => section.type === type) ?? { offset: 0, size: 0, link: 0 };
  const named = ({ link }, offset) => text(bytes, sections[link].offset + offset);

  const dynamic = of(6);
  const tags = range(dynamic.size / (2 * step)).map((i) => {
    const at = dynamic.offset + i * 2 * step;
    return [word(at), word(at + step)];
  });
  const symbols = of(11);
  const size = wide ? 24 : 16;
  const exported = [];
  for (const i of range(symbols.size / size)) {
    const at = symbols.offset + i * size;
    const [info, home] = wide ? [bytes[at + 4], half(at + 6)] : [bytes[at + 12], half(at + 14)];
    // Neither local nor somebody else's.
    if (info >> 4 !== 0 && home !== 0) exported.push(named(symbols, long(at)));
  }
  const versions = [];
  const needs = of(0x6ffffffe);
  for (let at = needs.offset, more = needs.size > 0; more;) {
    for (let i = 0, aux = at + long(at + 8); i < half(at + 2); i++, aux += long(aux + 12)) {
      versions.push(named(needs, long(aux + 8)));
    }
    more = long(at + 12) !== 0;
    at += long(at + 12);
  }
  return {
    exported,
    needed: tags.filter(([tag]) => tag === 1).map(([, offset]) => named(dynamic, offset)),
    glibc: newest(versions.flatMap((version) => /^GLIBC_([\d.]+)$/.exec(version)?.[1] ?? [])),
    // DT_TEXTREL, or DF_TEXTREL in DT_FLAGS.
    relocatedCode: tags.some(([tag, value]) => tag === 22 || (tag === 30 && (value & 4) !== 0)),
    // Without the holes before what begins on a page of its own, which may have 64 KiB; SHT_NOBITS is no part of the file.
    size: sections.reduce((sum, section) => sum + (section.type === 8 ? 0 : section.size), 0),
    // SHT_SYMTAB goes when a file is stripped.
    stripped: of(2).size === 0,
  };
}

function readMachO(bytes) {
  const long = (at) => bytes.readUInt32LE(at);
  const version = (at) => `${bytes.readUInt16LE(at + 2)}.${bytes[at + 1]}`;
  const found = { size: bytes.length, exported: [], needed: [], minos: undefined, stripped: true };
  let symbols = 0;
  let strings = 0;
  for (let i = 0, at = 32; i < long(16); at += long(at + 4), i++) {
    const command = long(at);
    // LC_LOAD_DYLIB, LC_LOAD_WEAK_DYLIB, LC_REEXPORT_DYLIB
    if ([0xc, 0x80000018, 0x8000001f].includes(command)) found.needed.push(text(bytes, at + long(at + 8)));
    if (command === 0x32) found.minos = version(at + 12); // LC_BUILD_VERSION
    if (command === 0x24) found.minos = version(at + 8); // LC_VERSION_MIN_MACOSX
    if (command === 2) [symbols, strings] = [long(at + 8), long(at + 16)]; // LC_SYMTAB
    if (command === 0xb) {
      // LC_DYSYMTAB: how many are local, and where those begin that others see
      const [locals, first, count] = [long(at + 12), long(at + 16), long(at + 20)];
      found.stripped = locals <= 1;
      found.exported = range(count).map((j) =>
        text(bytes, strings + long(symbols + (first + j) * 16)).slice(1),
      );
    }
  }
  return found;
}

function readPe(bytes) {
  const long = (at) => bytes.readUInt32LE(at);
  const header = long(0x3c);
  const optional = header + 24;
  const sections = range(bytes.readUInt16LE(header + 6)).map((i) => {
    const at = optional + bytes.readUInt16LE(header + 20) + i * 40;
    return { name: text(bytes, at), address: long(at + 12), size: long(at + 16), offset: long(at + 20) };
  });
  const place = (address) => {
    const home = sections.find((one) => address >= one.address && address < one.address + one.size);
    return address - home.address + home.offset;
  };
  const directory = (index) => long(optional + 112 + index * 8);
  const needed = [];
  // Imports, and delayed ones: a row of zeros ends each.
  for (const [index, size, name] of [
    [1, 20, 12],
    [13, 32, 4],
  ]) {
    if (directory(index) === 0) continue;
    for (let at = place(directory(index)); long(at + name) !== 0; at += size) {
      needed.push(text(bytes, place(long(at + name))));
    }
  }
  const exported = [];
  if (directory(0) !== 0) {
    const at = place(directory(0));
    const names = place(long(at + 32));
    for (const i of range(long(at + 24))) exported.push(text(bytes, place(long(names + i * 4))));
  }
  return {
    size: bytes.length,
    exported,
    needed,
    stripped: !sections.some(({ name }) => name.startsWith('.debug')),
  };
}

/** { size, exported, needed, stripped }, and what only some systems have: glibc, minos, relocatedCode. */
function readBinary(file) {
  const bytes = fs.readFileSync(file);
  const magic = bytes.readUInt32LE(0);
  if (magic === 0x464c457f) return readElf(bytes);
  if (magic === 0xfeedfacf) return readMachO(bytes);
  if ((magic & 0xffff) === 0x5a4d) return readPe(bytes);
  throw new Error(`${file} is neither ELF, nor Mach-O, nor PE`);
}

if (require.main === module) console.log(readBinary(process.argv[2]));

module.exports = { readBinary };
