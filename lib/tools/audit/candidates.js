'use strict';
// Which function of a library, by its name, frees what another returns? Names are guessed, and only those of functions that
// the library exports are told.

const fs = require('node:fs');

// What only looks something up, such as `get`, makes nothing: what its name leads to frees something else.
const MAKERS = /create|new|alloc|init|open|load|read|parse|make|build|copy|dup|clone|construct|begin|start/i;
const ENDERS = [
  'free',
  'destroy',
  'delete',
  'release',
  'close',
  'dispose',
  'unref',
  'finalize',
  'end',
  'clear',
];
const UNTYPED = new Set([undefined, 'void', 'char', 'uchar', 'unsigned char', 'uint8_t', 'int8_t']);

// As the word that it replaces is written.
function likeWord(word, model) {
  if (model.length > 1 && model === model.toUpperCase()) return word.toUpperCase();
  return /^[A-Z]/.test(model) ? word[0].toUpperCase() + word.slice(1) : word;
}

/** gdImageCreateTrueColor: gdImageDestroyTrueColor, gdImageDestroy. */
function byFunction(name, ender) {
  const maker = MAKERS.exec(name);
  if (maker === null) return [];
  const head = name.slice(0, maker.index) + likeWord(ender, maker[0]);
  return [head + name.slice(maker.index + maker[0].length), head];
}

/** xmlDoc: xmlFreeDoc, xmlDocFree; foo_bar: foo_bar_free, and sqlite3_stmt: sqlite3_finalize. */
function byType(type, ender) {
  const name = type.replace(/^(struct |const |_)+|_t$/g, '');
  const Ender = likeWord(ender, 'A');
  const [, prefix, rest] = /^([a-z]+_?)([A-Z].*)?$/.exec(name) ?? [];
  const names = [`${name}${Ender}`, `${name}_${ender}`, `${ender}_${name}`];
  if (rest !== undefined) names.push(`${prefix}${prefix.endsWith('_') ? ender : Ender}${rest}`);
  return names;
}

/** Whether there is code at that address: a symbol may be a variable. */
function isCode(address) {
  try {
    return fs
      .readFileSync('/proc/self/maps', 'latin1')
      .split('\n')
      .some((line) => {
        const [, begin, end, rights] = /^(\w+)-(\w+) (\S+)/.exec(line) ?? [];
        return rights?.includes('x') && address >= BigInt(`0x${begin}`) && address < BigInt(`0x${end}`);
      });
  } catch {
    return true;
  }
}

/** For strings: sqlite3_expanded_sql: sqlite3_free. */
function ofPrefix(name) {
  const prefix = /^[A-Za-z0-9]+_/.exec(name)?.[0];
  return prefix === undefined
    ? []
    : ['free', 'string_free', 'free_string', 'str_free'].map((end) => prefix + end);
}

/** What `signature` says that C stores pointers to; undefined where it stores none. */
const storedBase = (signature) => /_Out_\s+(?:const\s+)?(?:struct\s+)?(\w+)\s*\*\s*\*/.exec(signature)?.[1];

/** The name of a function that probably frees what the function of these facts gives; undefined where none is found. */
function guessedFree({ name, base, gives, signature, symbol }) {
  const type = gives === undefined ? storedBase(signature) : base;
  if (gives === undefined && type === undefined) return undefined;
  const names = [
    ...(UNTYPED.has(type) ? [] : ENDERS.flatMap((ender) => byType(type, ender))),
    ...(gives === 'string' ? ofPrefix(name) : ENDERS.flatMap((ender) => byFunction(name, ender))),
  ];
  return names.find((guess) => {
    const address = guess === name ? undefined : symbol(guess);
    return address !== undefined && isCode(BigInt(address));
  });
}

module.exports = { UNTYPED, guessedFree, storedBase };
