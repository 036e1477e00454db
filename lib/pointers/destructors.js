'use strict';
// The forms in which a destructor may be given, brought to one.

const binding = require('../binding');
const { Form } = require('../books/kinds');
const { checkBoolean, checkOptions } = require('../support/check');
const {
  ArgumentTypeError,
  ArgumentValueError,
  NoCallerError,
  NoLibffiError,
  UnsupportedError,
} = require('../support/errors');
const { BITS } = require('../support/word');

/** In bound arguments: the pointer that is freed, the address of a place that holds it, its size at that time, its parent. */
const POINTER = Symbol('ffi-tally.POINTER');
const ADDRESS_OF = Symbol('ffi-tally.ADDRESS_OF');
const SIZE = Symbol('ffi-tally.SIZE');
const PARENT = Symbol('ffi-tally.PARENT');

const BOUND = ['args', 'ok', 'retry'];

// As it was when we came: programs put things of their own there.
const { asIntN, asUintN } = BigInt;

const MAX_ADDRESS = 2n ** 64n;
const MAX_ARGUMENTS = 32;
const EXPECTED =
  'the address of a C function (bigint), { address, args }, a function of the address, or null';

/**
 * A destructor. `args` is what native/napi/values.h reads: the arguments, then perhaps the result `ok` by which the function
 * says that it has freed, then perhaps `false`, where that is a bool, and `true`, where what it has not freed is still there.
 */
function make(form, key, { address = 0n, args = [], run = null, byValue = null }) {
  // Which argument of the C function is the pointer, or the address of its place.
  const pointerAt = form === Form.DIRECT || byValue !== null ? 0 : args.indexOf('pointer');
  const placeAt = args.indexOf('place');
  const ok = args.find((arg) => typeof arg === 'number');
  const isBool = args.includes(false);
  const retry = args.includes(true);
  const isOpen = args.some(isOpenArgument);
  return {
    form,
    address,
    args,
    pointerAt,
    placeAt,
    ok,
    isBool,
    retry,
    run,
    key,
    isOpen,
    byValue,
    isScript: form === Form.JAVASCRIPT && byValue === null,
    code: undefined,
  };
}

// Known only when there is a pointer: its parent, or what a function tells.
const isOpenArgument = (arg) => arg === 'parent' || typeof arg === 'function';

/**
 * `destructor` for one pointer: `parent()` is the address of its parent, and `ask(f)` what a function among its arguments
 * tells.
 */
function closed(destructor, parent, ask) {
  if (!destructor.isOpen) return destructor;
  const args = destructor.args.map((arg, i) => {
    if (arg === 'parent') return parent();
    return typeof arg === 'function' ? constant(ask(arg), `the result of free.args[${i}]()`) : arg;
  });
  return checkedDestructor(Form.BOUND, destructor.address, args);
}

/** Whether `destructor` is the C function at `code`, which functionAddress() gave. */
function isFunction(destructor, code) {
  return (destructor.code ??= binding.functionAddress(destructor.address)) === code;
}

const NONE = Object.freeze(make(Form.NONE, 'none', {}));

// C functions with known addresses, so that a Koffi function given as a destructor is called directly.
const addresses = new WeakMap();
// Those whose argument is a struct: JavaScript calls them with the one at an address. Each with what returns an object
// that keeps their library loaded.
const takesStruct = new WeakMap();

function isAddress(value) {
  return typeof value === 'bigint' && value > 0n && value < MAX_ADDRESS;
}

/** A native address as a bigint; undefined for anything else. Takes the Externals of Koffi 2. */
function toAddress(value) {
  if (typeof value === 'bigint') return asUintN(64, value) === value ? value : undefined;
  if (typeof value === 'object' && value !== null) return binding.externalAddress(value);
  return undefined;
}

/** The destructor of that form, address and arguments, which have been checked. */
function checkedDestructor(form, address, args) {
  if (form === Form.NONE) return NONE;
  if (form === Form.DIRECT) return direct(address);
  return make(form, `${address}(${args.join()})`, { address, args });
}

/** The `address` of the C function that is `given` as `name`. Throws for a variable, because to call one is a crash. */
function checkedCode(address, given, name) {
  if (address === undefined || !binding.isVariable(address)) return address;
  const [it, symbol] =
    typeof given === 'string' ? [`'${given}'`, `lib.symbol('${given}')`] : ['this', 'address'];
  const expected =
    `a C function: ${it} is a variable. If a function is in it, ` +
    `give that: with Koffi, koffi.decode(${symbol}, 'void *')`;
  throw new ArgumentValueError(given, name, expected);
}

function direct(address) {
  if (!binding.canCall) throw new NoCallerError();
  return make(Form.DIRECT, address, { address });
}

function boundArgument(value, index) {
  if (value === POINTER) return 'pointer';
  if (value === ADDRESS_OF) return 'place';
  if (value === SIZE) return 'size';
  if (value === PARENT) return 'parent';
  if (typeof value === 'function') return value;
  return constant(value, `free.args[${index}]`, 'POINTER, ADDRESS_OF, SIZE, PARENT, a function, ');
}

function constant(value, name, others = '') {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value))
    throw new ArgumentTypeError(value, name, `${others}a bigint or a safe integer`);
  const given = BigInt(value);
  const unsigned = asUintN(BITS, given);
  if (given !== unsigned && asIntN(BITS, given) !== given)
    throw new ArgumentValueError(value, name, `an integer of ${BITS} bits`);
  return unsigned;
}

function boundArguments(list) {
  if (!Array.isArray(list)) throw new ArgumentTypeError(list, 'free.args', 'an array');
  const { length } = list; // read once, as each element is: a Proxy may say something else the next time
  if (!Number.isInteger(length) || length < 0 || length > MAX_ARGUMENTS) {
    throw new ArgumentValueError(length, 'free.args.length', `at most ${MAX_ARGUMENTS}`);
  }
  return Array.from({ length }, (_, index) => boundArgument(list[index], index));
}

/** What follows the arguments. */
function outcome(ok, retry) {
  if (ok === undefined) {
    if (retry !== undefined)
      throw new UnsupportedError(`'free.retry' needs 'free.ok', by which a failure is known`);
    return [];
  }
  const isBool = typeof ok === 'boolean';
  if (!isBool && !Number.isInteger(ok))
    throw new ArgumentTypeError(ok, 'free.ok', 'the result of a C function (int or bool)');
  if (!isBool && (ok | 0) !== ok) throw new ArgumentValueError(ok, 'free.ok', 'an integer of 32 bits');
  const retries = retry !== undefined && checkBoolean(retry, 'free.retry');
  return [Number(ok), ...(isBool ? [false] : []), ...(retries ? [true] : [])];
}

/** The C function at `address`, called as `free` says: { args, ok, retry }. */
function bound(address, free) {
  const { ok, retry } = free;
  const told = outcome(ok, retry);
  const args = [...boundArguments(free.args ?? (ok === undefined ? undefined : [POINTER])), ...told];
  if (!binding.canCall) throw new NoCallerError();
  if (!binding.canBind) throw new NoLibffiError();
  return checkedDestructor(Form.BOUND, address, args);
}

/** `free` as { form, address, args, run, key }. Throws for what cannot be a destructor. */
function toDestructor(free) {
  if (free === null) return NONE;
  if (typeof free === 'function') {
    const address = addresses.get(free)?.();
    const byValue = takesStruct.get(free);
    if (byValue !== undefined) return make(Form.JAVASCRIPT, 'javascript', { address, run: free, byValue });
    if (address !== undefined) return direct(checkedCode(address, address, 'free'));
    return make(Form.JAVASCRIPT, 'javascript', { run: free });
  }
  if (typeof free === 'object' && 'address' in free) {
    const address = toAddress(free.address);
    if (!isAddress(address))
      throw new ArgumentTypeError(free.address, 'free.address', 'the address of a C function');
    checkOptions(free, ['address', ...BOUND]);
    return bound(checkedCode(address, address, 'free.address'), free);
  }
  const address = toAddress(free);
  if (isAddress(address)) return direct(checkedCode(address, address, 'free'));
  if (typeof free === 'bigint') throw new ArgumentValueError(free, 'free', EXPECTED);
  throw new ArgumentTypeError(free, 'free', EXPECTED);
}

module.exports = {
  ADDRESS_OF,
  BOUND,
  NONE,
  PARENT,
  POINTER,
  SIZE,
  addresses,
  bound,
  checkedCode,
  checkedDestructor,
  closed,
  direct,
  isFunction,
  takesStruct,
  toAddress,
  toDestructor,
};
