'use strict';
// Which function of a library, by its name, frees what another returns? Names are guessed, and only those of functions that
// the library exports are told.

const fs = require('node:fs');

// What only looks something up, such as `get`, makes nothing: what its name leads to frees something else.
const MAKERS = /create|new|alloc|init|open|load|read|parse|make|build|copy|dup|clone|construct|begin|start/gi;
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
  'cleanup',
  'done',
];
// Before these: sqlite3_free() is not for what sqlite3_open() gives, nor curl_free() for that of curl_easy_init().
const OPPOSITES = {
  __proto__: null,
  open: 'close',
  create: 'destroy',
  init: 'cleanup',
  begin: 'end',
  start: 'end',
};
const UNTYPED = new Set([undefined, 'void', 'char', 'uchar', 'unsigned char', 'uint8_t', 'int8_t']);

// As the word that it replaces is written.
function likeWord(word, model) {
  if (model.length > 1 && model === model.toUpperCase()) return word.toUpperCase();
  return /^[A-Z]/.test(model) ? word[0].toUpperCase() + word.slice(1) : word;
}

/** gdImageCreateTrueColor: gdImageDestroyTrueColor, gdImageDestroy. XML_ParserCreate: XML_ParserFree. */
function byFunction(name, ender) {
  const makers = [...name.matchAll(MAKERS)].reverse();
  return makers.flatMap(({ 0: word, index }) => {
    const head = name.slice(0, index) + likeWord(ender, word);
    return [head + name.slice(index + word.length), head];
  });
}

/** GHashTable: g_hash_table. */
const snake = (name) => name.replace(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '_').toLowerCase();

/** xmlDoc: xmlFreeDoc, xmlDocFree; xmlXPathObject: xmlXPathFreeObject; foo_bar: foo_bar_free; GList: g_list_free. */
function byType(type, ender) {
  const name = type.replace(/^(struct |const |_)+|_t$/g, '');
  const Ender = likeWord(ender, 'A');
  const [, prefix, rest] = /^([a-z]+_?)([A-Z].*)?$/.exec(name) ?? [];
  const names = [`${name}${Ender}`, `${name}_${ender}`, `${ender}_${name}`];
  if (rest !== undefined) names.push(`${prefix}${prefix.endsWith('_') ? ender : Ender}${rest}`);
  names.push(name.replace(/(?<=[^A-Z_])(?=[A-Z][^A-Z]*$)/, Ender), `${snake(name)}_${ender}`);
  return names.filter((each) => each !== name);
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
  const guess = (enders) => [
    ...(UNTYPED.has(type) ? [] : enders.flatMap((ender) => byType(type, ender))),
    ...(gives === 'string' ? ofPrefix(name) : enders.flatMap((ender) => byFunction(name, ender))),
  ];
  const opposite = OPPOSITES[name.match(MAKERS)?.at(-1).toLowerCase()];
  const names = [...(opposite === undefined ? [] : guess([opposite])), ...guess(ENDERS)];
  // pcre2_code_free_8, where the function is pcre2_compile_8.
  const width = /_\d+$/.exec(name)?.[0];
  if (width !== undefined) names.unshift(...names.map((each) => `${each}${width}`));
  return names.find((each) => {
    const address = each === name ? undefined : symbol(each);
    return address !== undefined && isCode(BigInt(address));
  });
}

module.exports = { UNTYPED, guessedFree, storedBase };
