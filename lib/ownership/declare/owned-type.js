'use strict';
// A pointer type whose values have an owner: what frees them, and how large what they point to is.

const binding = require('../../binding');
const { Form } = require('../../books/kinds');
const { BOUND, PARENT, bound, toDestructor } = require('../../pointers/destructors');
const { checkBoolean, checkOptions, checkSize } = require('../../support/check');
const {
  ArgumentTypeError,
  ArgumentValueError,
  SizeRequiredError,
  UnsupportedError,
} = require('../../support/errors');
const { BITS } = require('../../support/word');
const { Limit } = require('../call/limited');
const { EXACT, canCount, checkCompare, checkWay, isWay } = require('../size/ways');
const { checkInvalid } = require('./invalid');
const { checkArguments } = require('./keeps');
const { meaningOf } = require('./meaning');

const OPTIONS = [
  ...['free', 'size', 'parent', 'shared', 'compare', 'invalid', 'most', 'sameThread', 'exclusive'],
  'background',
];
const WITH_FREE = `an object that says what frees it, such as { free: 'name_of_a_C_function' }`;
const NONE = Object.freeze([]);
const { asIntN, asUintN } = BigInt;

/** A pointer to nothing in particular may stand for any other. */
function isAny(base) {
  return base === 'void';
}

/** What an integer is, in place of what a pointer points to, by the name that its FFI has for such integers. */
class IntegerBase {
  size = 0;

  constructor(name, bits, isSigned) {
    this.name = IntegerBase.nameOf(name);
    this.integer = { bits, told: (address) => IntegerBase.#told(address, bits, isSigned) };
  }

  // No name of a type.
  static nameOf(name) {
    return `#${name}`;
  }

  // What JavaScript has for the integer at `address`.
  static #told(address, bits, isSigned) {
    const value = isSigned ? asIntN(bits, address) : asUintN(bits, address);
    return bits > 32 ? value : Number(value);
  }
}

const isInteger = (base) => base.startsWith('#');

class OwnedType {
  constructor(
    name,
    base,
    {
      free,
      size,
      parent,
      needs = NONE,
      shared = false,
      compare,
      invalid,
      meaning,
      integer,
      struct,
      limit,
      sameThread = false,
      exclusive = false,
      background = false,
    },
  ) {
    this.name = name;
    this.base = base; // the name of the type pointed to
    this.integer = integer; // undefined for a pointer, or what tells the integer
    this.struct = struct; // the same, or how a struct is kept that was returned or stored
    this.free = free; // null, a symbol's name, { symbol, args }, or a destructor
    this.size = size; // bytes, a C function's name, a function, 'malloc', 'exact' or a meter
    this.compare = compare; // undefined, or another such way to its size
    this.parent = parent; // undefined, or a function
    this.needs = needs; // the numbers of the arguments that are to be there until it is freed
    this.shared = checkBoolean(shared, 'shared'); // whether C counts references
    this.sameThread = checkBoolean(sameThread, 'sameThread'); // whether C wants it in one thread
    this.exclusive = checkExclusive(exclusive, this); // whether nobody may use what it needs while it is freed
    this.background = checkBackground(background, this); // whether it may be freed on another thread, and shall
    this.invalid = invalid; // undefined, or what tells whether an address is no pointer, but says that C failed
    this.limit = limit; // undefined, or the Limit of how many there are
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

  // Whether it is known how much of its size lies at its address: a meter counts all that a library allocates.
  get isExtent() {
    return this.struct !== undefined || this.isExact || !isWay(this.size);
  }

  // Whether its destructor is told the parent.
  get tellsParent() {
    return this.free.args?.some((arg) => arg === PARENT || arg === 'parent') === true;
  }

  // Whether it may need others.
  get depends() {
    return this.parent !== undefined || this.needs.length > 0;
  }

  // Whether its size is not what somebody can be asked for again, but always the same, or counted in each call.
  get isFixed() {
    return typeof this.size === 'number' || this.isExact;
  }

  // Whether what C allocates for such pointers is counted.
  get isExact() {
    return this.size === EXACT;
  }

  /** The same type, for a function that says more of it. */
  with(more) {
    return new OwnedType(this.name, this.base, { ...this, ...more });
  }

  // Whether a pointer of this type may go where a pointer to `base` is expected.
  fits(base) {
    if (this.base === base) return true;
    return (isAny(base) || isAny(this.base)) && !isInteger(base) && !isInteger(this.base);
  }
}

/** `exclusive`, of a type whose other options are checked. */
function checkExclusive(exclusive, { name, free }) {
  if (checkBoolean(exclusive, 'exclusive') && free?.form === Form.NONE)
    throw new UnsupportedError(`'exclusive' has no effect on '${name}', which frees nothing`);
  return exclusive;
}

/** `background`, of the type `owned`, whose other options are checked. */
function checkBackground(background, { name, free, sameThread, exclusive }) {
  if (!checkBoolean(background, 'background')) return false;
  const refuse = (reason) => {
    throw new UnsupportedError(`'${name}' cannot be freed in the background: ${reason}`);
  };
  if (!binding.hasBackground) refuse('that needs the native part of ffi-tally');
  const { form = Form.DIRECT, ok } = typeof free === 'string' ? {} : free;
  if (form !== Form.DIRECT && form !== Form.BOUND) {
    refuse(
      `'free' is no C function. Where it is slow, write an .async call of the C function in place of dispose()`,
    );
  }
  if (ok !== undefined) refuse(`'free.ok' tells JavaScript, which runs in this thread`);
  if (sameThread) refuse(`with 'sameThread' it is freed in its thread`);
  if (exclusive) refuse(`with 'exclusive' nobody else may use what it needs meanwhile`);
  return true;
}

/** Whether several may have one address: integers of different types may. Throws where it has no effect, on `name`. */
function isShared({ shared, free }, { integer, struct }, name) {
  if (integer !== undefined && shared === undefined) return true;
  if (integer === undefined && shared !== true) return shared;
  const reasons = [
    [integer !== undefined, 'nobody checks integers for being freed twice'],
    [struct !== undefined, 'each such struct has an address of its own'],
    [free === null, 'it frees nothing'],
  ];
  const [, reason] = reasons.find(([is]) => is) ?? [];
  if (reason === undefined) return shared;
  throw new UnsupportedError(`'shared' has no effect on '${name}': ${reason}`);
}

function givenFree(free, { integer, struct }) {
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
  const destructor = toDestructor(free);
  if (destructor.byValue !== null) {
    if (struct === undefined) {
      throw new UnsupportedError(
        `A function that takes a struct frees no pointer: 'free' is one that takes an address`,
      );
    }
    return { ...destructor, run: (address) => destructor.run(struct.read(address)) };
  }
  if (integer === undefined || destructor.run === null) return destructor;
  return { ...destructor, run: (address) => destructor.run(integer.told(address)) };
}

/** `free`, of the type of `base`. C gets what a pointer holds as an address, and no wider integer. */
function checkFree(free, base) {
  const destructor = givenFree(free, base);
  const isC = typeof destructor === 'string' || (!destructor.run && destructor.form !== Form.NONE);
  if (isC && base.integer?.bits > BITS) {
    throw new UnsupportedError(
      `An integer of ${base.integer.bits} bits is wider than an address here: 'free' is a function that calls that of C`,
    );
  }
  return destructor;
}

function checkMeasure(size, base, name) {
  if (size === undefined) {
    if (base.size > 0 || base.integer !== undefined) return base.size;
    if (canCount()) return EXACT;
    throw new SizeRequiredError(name, base.name);
  }
  if (typeof size === 'function') return size;
  if (base.struct !== undefined && size === 'malloc') {
    throw new ArgumentValueError(size, 'size', `another way: a struct is no block of malloc()`);
  }
  if (base.integer !== undefined && (isWay(size) || size === 'malloc')) {
    throw new ArgumentValueError(size, 'size', 'bytes, a C function or a function: an integer has no memory');
  }
  if (isWay(size)) return checkWay(size);
  if (typeof size === 'string') {
    if (size === '') throw new ArgumentValueError(size, 'size', 'the name of a C function');
    return size;
  }
  return checkSize(size, 'size');
}

/** The Limit of the type `name`, of which C has `most`; undefined stays what it is. */
function checkMost(most, name) {
  if (most === undefined) return undefined;
  if (checkSize(most, 'most') === 0) throw new ArgumentValueError(most, 'most', 'one at least');
  return new Limit(name, Number(most));
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
  checkOptions(options, OPTIONS, WITH_FREE);
  if (options.free === undefined) {
    throw new ArgumentTypeError(undefined, 'free', 'a destructor, or null for none');
  }
  const { integer, struct } = base;
  const isPointer = integer === undefined && struct === undefined;
  if (integer !== undefined && options.compare !== undefined) {
    throw new UnsupportedError(`'compare' has no effect on '${name}': an integer has no memory`);
  }
  if (struct !== undefined && options.compare === 'malloc') {
    throw new ArgumentValueError('malloc', 'compare', 'another way: a struct is no block of malloc()');
  }
  const size = checkMeasure(options.size, base, name);
  const compare = checkCompare(options.compare);
  if (compare !== undefined && compare === size) {
    throw new UnsupportedError(`'compare' has no effect on '${name}': its size is found in that way already`);
  }
  return new OwnedType(name, base.name, {
    integer,
    struct,
    limit: checkMost(options.most, name),
    free: checkFree(options.free, base),
    size,
    ...checkParent(options.parent),
    compare,
    shared: isShared(options, base, name),
    sameThread: options.sameThread,
    exclusive: options.exclusive,
    background: options.background,
    invalid: checkInvalid(options.invalid, base),
    meaning: meaningOf(isPointer ? `'${base.name} *'` : `'${base.name.replace('#', '')}'`, options),
  });
}

module.exports = {
  IntegerBase,
  OwnedType,
  WITH_FREE,
  checkFree,
  checkMeasure,
  checkMost,
  checkName,
  checkParent,
  isAny,
  isInteger,
  isShared,
  ownedType,
};
