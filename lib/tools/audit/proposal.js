'use strict';
// What to write so that a function leaks no more, in words and in code. What the figures have not shown is called a guess.

const binding = require('../../binding');
const { formatBytes } = require('../../support/bytes');
const { allocators } = require('./allocators');
const { UNTYPED, storedBase } = require('./candidates');

const SOME = 8 * 1024;
const MUCH = 1.25;
const MOST = 0.5;

const pascal = (name) =>
  name.replace(/^_+|^struct /g, '').replace(/(^|[_\W]+)(\w)/g, (_, __, letter) => letter.toUpperCase());

/** The prototype with another type for its result. */
function prototypeWith({ name, signature }, type) {
  const rest = signature.slice(signature.indexOf(name) + name.length);
  return `${type} ${name}${rest.replace(/;\s*$/, '')}`;
}

/** Where its pointers come out: { base, declare(type) }; undefined where that is no one place. */
function outletOf(sum) {
  const { gives, signature } = sum;
  if (gives === 'pointer') return { base: sum.base ?? 'void', declare: (type) => prototypeWith(sum, type) };
  const base = gives === undefined ? storedBase(signature) : undefined;
  if (base === undefined || (signature.match(/_Out_[^,]*\*\s*\*/g) ?? []).length > 1) return undefined;
  const declare = (type) => signature.replace(/_Out_[^,]*?\*\s*\*/, `_Out_ ${type} *`).replace(/;\s*$/, '');
  return { base, declare };
}

/** Whether each pointer that is alive is one block, and the whole of it. */
function isOneBlock(sum, figures) {
  const live = sum.madeBlocks - sum.freedBlocks - sum.addedBlocks;
  return sum.whole === sum.returned && figures.pointers > 0 && live <= figures.pointers * 1.01;
}

function proposeString(sum) {
  const wide = /\bchar16_t|\bchar32_t|\bwchar_t|str16|str32|wstring/.exec(sum.signature)?.[0];
  const lost = 'It returns a string: Koffi copies the characters and the pointer is lost';
  if (sum.guess !== undefined && wide === undefined) {
    const type = `Owned${pascal(sum.name)}`;
    return {
      text: `${lost}. \`${sum.guess}\` of its library should free it, by its name: a guess. Declare it as owned`,
      code: `koffi.owned('${type}', 'char *', { free: '${sum.guess}' });\nlib.func('${prototypeWith(sum, type)}');`,
    };
  }
  const type = wide === undefined ? 'char *!' : `${wide} *!`;
  if (sum.madeBlocks - sum.freedBlocks > 1.01 * sum.keeping)
    return { text: `${lost}, and it is more than one block` };
  return {
    text: `${lost}. It is one block, which free() should free: a guess. Let Koffi do that: declare the result \`${type}\``,
    code: `lib.func('${prototypeWith(sum, type)}');`,
  };
}

/** Whether C keeps pointers to most of what it gives: a parent may free that, or others may use it. */
const isHeld = (sum) => isMost(sum, 'held');

/** Whether most of what it gives holds pointers to other blocks. */
const isLeading = (sum) => sum.addedBlocks > 0 || isMost(sum, 'leading');

function isMost({ numbers }, what) {
  const held = binding.auditHeld(Uint32Array.from(numbers));
  return held[what] > 0 && held[what] >= MOST * held.pointers;
}

/** A guess at what frees its pointers, after what `text` tells. */
function guess(text, sum, figures, base) {
  const tried = figures.freedBy.map(({ name }) => name);
  const isBlock = isOneBlock(sum, figures) && !tried.includes('free');
  const byName = sum.guess !== undefined && !tried.includes(sum.guess);
  if (byName && !(isBlock && UNTYPED.has(base))) {
    return { text: `${text}. \`${sum.guess}\` of its library should, by its name: a guess`, free: sum.guess };
  }
  if (isBlock && !(sum.name in allocators) && isLeading(sum)) {
    return { text: `${text}. Each leads to other blocks, which free() would leave: see its documentation` };
  }
  if (isBlock) return { text: `${text}. Each is one block, which free() should free: a guess`, free: 'free' };
  return { text };
}

/** What the figures say of its destructor: { text, free }, without `free` where nothing can be proposed. */
function destructorOf(sum, figures, base) {
  const freers = figures.freedBy.filter(({ name }) => !/realloc/i.test(name));
  if (freers.length === 0 && sum.freedOtherwise === 0) {
    return guess('No call was seen to give one back', sum, figures, base);
  }
  if (freers.length !== 1 || sum.freedOtherwise > 0) {
    const ways = freers.map(({ name, pointers }) => `${name}() ${pointers}×`);
    if (sum.freedOtherwise > 0) ways.push(`with something else ${sum.freedOtherwise}×`);
    return {
      text: `Its pointers were given back in different ways, ${ways.join(', ')}: see its documentation`,
    };
  }
  const [{ name, pointers }] = freers;
  const left = figures.outstanding - (MUCH * figures.pointers * sum.kept) / Math.max(sum.keeping, 1);
  if (left >= SOME) {
    const much = formatBytes(Math.round(left));
    return guess(
      `\`${name}\` was called for ${pointers} of its pointers, and leaves ${much}`,
      sum,
      figures,
      base,
    );
  }
  return { text: `\`${name}\` gave back all of the ${pointers} pointers that were given back`, free: name };
}

/** Why `free` cannot be proposed; undefined where it can. */
function objectionTo(free, sum, signatures) {
  if (sum.givesBack) return 'it also returns pointers that it was given, which are not new';
  if (isHeld(sum)) return 'C keeps pointers to them, and may free them with what they belong to';
  const parameters = /\((.*)\)/s.exec(signatures.get(free) ?? '')?.[1];
  return parameters?.includes(',') ? `\`${free}\` needs more than the pointer` : undefined;
}

const NOTHING = {
  text: 'It gives no pointer that could be tracked: look in its documentation for what gives this memory back',
  code: undefined,
};

/** { text, code } for a function that keeps memory which nobody gives back. */
function propose(sum, figures, signatures) {
  if (figures.tracked !== undefined) {
    return {
      text: `The destructor of '${figures.tracked.label}' does not give back all of it`,
      code: undefined,
    };
  }
  if (sum.gives === 'string' && !sum.disposable) return proposeString(sum);
  const outlet = outletOf(sum);
  if (outlet === undefined || sum.returned === 0) return NOTHING;
  const { text, free } = destructorOf(sum, figures, outlet.base);
  if (free === undefined) return { text, code: undefined };
  const objection = objectionTo(free, sum, signatures);
  if (objection !== undefined)
    return { text: `${text}. But ${objection}: see its documentation`, code: undefined };
  const owned = `Owned${pascal(outlet.base === 'void' ? sum.name : outlet.base)}`;
  const how = free === 'koffi.free' ? '(pointer) => koffi.free(pointer)' : `'${free}'`;
  // What the destructor frees as well would be freed twice.
  const others = figures.freedBy.filter(({ name }) => name !== free && !/realloc/i.test(name));
  const no = others.map(({ name }) => `, and call \`${name}\` for it no more`).join('');
  return {
    text: `${text}. Declare it as owned${no}`,
    code:
      `koffi.owned('${owned}', '${outlet.base} *', { free: ${how} });\n` +
      `lib.func('${outlet.declare(owned)}');`,
  };
}

module.exports = { propose };
