'use strict';
// A pointer type whose values have an owner: what frees them, and how large what they point to is.

const { BOUND, bound, toDestructor } = require('../../pointers/destructors');
const { checkBoolean, checkOptions, checkSize } = require('../../support/check');
const { ArgumentTypeError, ArgumentValueError, SizeRequiredError } = require('../../support/errors');
const { checkCompare, checkWay, isWay } = require('../size/ways');
const { checkInvalid } = require('./invalid');
const { checkArguments } = require('./keeps');
const { meaningOf } = require('./meaning');

const OPTIONS = ['free', 'size', 'parent', 'shared', 'compare', 'invalid'];
const NONE = Object.freeze([]);

/** A pointer to nothing in particular may stand for any other. */
function isAny(base) {
  return base === 'void';
}

class OwnedType {
  constructor(name, base, { free, size, parent, needs = NONE, shared = false, compare, invalid, meaning }) {
    this.name = name;
    this.base = base; // the name of the type pointed to
    this.free = free; // null, a symbol's name, { symbol, args }, or a destructor
    this.size = size; // bytes, a C function's name, a function, 'malloc', 'measure' or a meter
    this.compare = compare; // undefined, or another such way to its size
    this.parent = parent; // undefined, or a function
    this.needs = needs; // the numbers of the arguments that are to be there until it is freed
    this.shared = checkBoolean(shared, 'shared'); // whether C counts references
    this.invalid = invalid; // undefined, or what tells whether an address is no pointer, but says that C failed
    this.meaning = meaning; // as text, of one that has been declared
  }

  // The name of the C function that frees such a pointer, where it was given by name.
  get destructorName() {
    return typeof this.free === 'string' ? this.free : undefined;
  }

  // The same, also where there are more arguments.
  get destructorSymbol() {
    return this.destructorName ?? this.free?.symbol;
  }

  // Whether it may need others.
  get depends() {
    return this.parent !== undefined || this.needs.length > 0;
  }

  /** The same type, for a function that says more of it. */
  with(more) {
    return new OwnedType(this.name, this.base, { ...this, ...more });
  }

  // Whether a pointer of this type may go where a pointer to `base` is expected.
  fits(base) {
    return this.base === base || isAny(base) || isAny(this.base);
  }
}

function checkFree(free) {
  if (typeof free === 'string') {
    if (free === '') throw new ArgumentValueError(free, 'free', 'the name of a C function');
    return free;
  }
  if (free !== null && typeof free === 'object' && 'symbol' in free) {
    if (typeof free.symbol !== 'string' || free.symbol === '') {
      throw new ArgumentTypeError(free.symbol, 'free.symbol', 'the name of a C function');
    }
    checkOptions(free, ['symbol', ...BOUND]);
    bound(1n, free); // for its complaints
    return free;
  }
  return toDestructor(free);
}

function checkMeasure(size, base, name) {
  if (size === undefined) {
    if (base.size > 0) return base.size;
    throw new SizeRequiredError(name, base.name);
  }
  if (typeof size === 'function') return size;
  if (isWay(size)) return checkWay(size);
  if (typeof size === 'string') {
    if (size === '') throw new ArgumentValueError(size, 'size', 'the name of a C function');
    return size;
  }
  return checkSize(size, 'size');
}

/** `parent` as an owned type has it: { parent, needs }. */
function checkParent(parent) {
  if (parent === undefined || typeof parent === 'function') return { parent, needs: NONE };
  return { parent: undefined, needs: checkArguments(parent, 'parent') };
}

function checkName(name) {
  if (typeof name !== 'string' || name === '')
    throw new ArgumentTypeError(name, 'name', 'a non-empty string');
}

/** The owned type `name` of pointers to `base`, { name, size }, as the options of owned() say. */
function ownedType(name, base, options) {
  checkOptions(options, OPTIONS);
  if (options.free === undefined) {
    throw new ArgumentTypeError(undefined, 'free', 'a destructor, or null for none');
  }
  return new OwnedType(name, base.name, {
    free: checkFree(options.free),
    size: checkMeasure(options.size, base, name),
    ...checkParent(options.parent),
    compare: checkCompare(options.compare),
    shared: options.shared,
    invalid: checkInvalid(options.invalid),
    meaning: meaningOf(`'${base.name} *'`, options),
  });
}

module.exports = { OwnedType, checkFree, checkMeasure, checkName, checkParent, isAny, ownedType };
