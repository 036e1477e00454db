'use strict';
// Which function of a library, by its name, frees what another returns? Names are guessed, and only those that
// the library exports are told.

const MAKERS =
  /create|new|alloc|init|open|load|read|parse|make|build|copy|dup|clone|get|from|construct|begin|start/i;
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

/** xmlDoc: xmlFreeDoc, xmlDocFree; foo_bar: foo_bar_free. */
function byType(type, ender) {
  const name = type.replace(/^(struct |const |_)+|_t$/g, '');
  const Ender = likeWord(ender, 'A');
  const [, prefix, rest] = /^([a-z]+_?)([A-Z].*)?$/.exec(name) ?? [];
  const names = [`${name}${Ender}`, `${name}_${ender}`, `${ender}_${name}`];
  if (rest !== undefined) names.push(`${prefix}${prefix.endsWith('_') ? ender : Ender}${rest}`);
  return names;
}

/** The name of an exported function that probably frees what the function of `book` returns. */
function candidate({ name, base, exports }) {
  if (exports === undefined) return undefined;
  const isNamed = base !== undefined && base !== 'void';
  const names = [
    ...(isNamed ? ENDERS.flatMap((ender) => byType(base, ender)) : []),
    ...ENDERS.flatMap((ender) => byFunction(name, ender)),
  ];
  return names.find((guess) => guess !== name && exports(guess));
}

module.exports = { candidate };
