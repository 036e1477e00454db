'use strict';
// What to write so that a function leaks no more, in words and in code.

const { formatBytes } = require('../../support/bytes');
const { candidate } = require('./candidates');

// Sizes that differ by no more are the same but for what the allocator adds.
const ALIKE = 0.05;

const pascal = (name) =>
  name.replace(/^_+|^struct /g, '').replace(/(^|[_\W]+)(\w)/g, (_, __, letter) => letter.toUpperCase());

/** The prototype of `book` with another type for its result. */
function prototypeWith(book, type) {
  const { name, signature } = book;
  const rest = signature.slice(signature.indexOf(name) + name.length);
  return `${type} ${name}${rest.replace(/;\s*$/, '')}`;
}

function proposeString(book) {
  const wide = /\bchar16_t|\bchar32_t|\bwchar_t|str16|str32|wstring/.exec(book.signature)?.[0];
  const type = wide === undefined ? 'char *!' : `${wide} *!`;
  return {
    text:
      'Koffi copies the characters and the pointer is lost. Let Koffi free it: declare the result ' +
      `\`${type}\` if free() is what frees it, or koffi.owned(name, 'char *', { free }) if the library has its own`,
    code: `lib.func('${prototypeWith(book, type)}');`,
  };
}

/** The size to declare: a number where all pointers are alike. */
function sizeOf(book, perPointer) {
  const { least, most } = book.range;
  const alike = most - least <= ALIKE * most;
  return alike
    ? String(Math.round(perPointer))
    : `(pointer, ...args) => ${Math.round(perPointer)} /* on average */`;
}

function proposeOwned(book, perPointer) {
  const [by] = book.freers();
  const guessed = by === undefined ? candidate(book) : undefined;
  const free = by?.[0].name ?? guessed;
  let text = 'No call was seen to give it back, and its library exports no function that by its name would';
  if (by !== undefined) {
    const [{ name }, { pointers, bytes }] = by;
    text = `\`${name}\` gave back ${pointers} of ${book.made} pointers, ${formatBytes(bytes)}`;
  } else if (guessed !== undefined) {
    text = `No call was seen to give it back; \`${guessed}\` of its library should, by its name`;
  }
  if (book.gives !== 'pointer') return { text, code: undefined };
  const base = book.base ?? 'void';
  const owned = `Owned${pascal(base === 'void' ? book.name : base)}`;
  const code =
    free === 'koffi.free'
      ? `koffi.owned('${owned}', '${base} *', { free: (pointer) => koffi.free(pointer), size: ${sizeOf(book, perPointer)} });`
      : `koffi.owned('${owned}', '${base} *', { free: '${free ?? 'NAME_OF_ITS_DESTRUCTOR'}', size: ${sizeOf(book, perPointer)} });`;
  return { text: `${text}. Let it be owned`, code: `${code}\nlib.func('${prototypeWith(book, owned)}');` };
}

const NOTHING = {
  text: 'It returns no pointer that could be tracked: look in its documentation for what gives this memory back',
  code: undefined,
};

/** { text, code } for a function that keeps memory which nobody gives back. */
function propose(book, perPointer) {
  if (book.gives === 'string' && !book.disposable) return proposeString(book);
  return book.made > 0 ? proposeOwned(book, perPointer) : NOTHING;
}

module.exports = { propose };
