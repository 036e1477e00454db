'use strict';
// The forms in which a destructor may be given, brought to one.

const binding = require('../binding');
const { Form } = require('../books/kinds');
const { ArgumentTypeError, ArgumentValueError, NoCallerError, NoLibffiError } = require('../support/errors');

/** In bound arguments: the pointer that is freed, and its size at that time. */
const POINTER = Symbol('ffi-tally.POINTER');
const SIZE = Symbol('ffi-tally.SIZE');

// As it was when we came: programs put things of their own there.
const { asUintN } = BigInt;

const MAX_ADDRESS = 2n ** 64n;
const MAX_ARGUMENTS = 32;
const EXPECTED =
  'the address of a C function (bigint), { address, args }, a function of the address, or null';

const NONE = Object.freeze({
  form: Form.NONE,
  address: 0n,
  args: [],
  pointerAt: -1, // which argument of the C function is the pointer
  run: null,
  key: 'none',
});

// C functions with known addresses, so that a Koffi function given as a destructor is called directly.
const addresses = new WeakMap();

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
  const pointerAt = args.indexOf('pointer');
  return { form, address, args, pointerAt, run: null, key: `${address}(${args.join()})` };
}

function direct(address) {
  if (!binding.canCall) throw new NoCallerError();
  return { form: Form.DIRECT, address, args: [], pointerAt: 0, run: null, key: address };
}

function boundArgument(value, index) {
  if (value === POINTER) return 'pointer';
  if (value === SIZE) return 'size';
  if (typeof value === 'bigint') {
    if (value >= -(2n ** 63n) && value < MAX_ADDRESS) return asUintN(64, value);
    throw new ArgumentValueError(value, `free.args[${index}]`, 'an integer of 64 bits');
  }
  if (Number.isSafeInteger(value)) return asUintN(64, BigInt(value));
  throw new ArgumentTypeError(value, `free.args[${index}]`, 'POINTER, SIZE, a bigint or a safe integer');
}

function bound(address, list) {
  if (!Array.isArray(list)) throw new ArgumentTypeError(list, 'free.args', 'an array');
  const { length } = list; // read once, as each element is: a Proxy may say something else the next time
  if (!Number.isInteger(length) || length < 0 || length > MAX_ARGUMENTS) {
    throw new ArgumentValueError(length, 'free.args.length', `at most ${MAX_ARGUMENTS}`);
  }
  const args = Array.from({ length }, (_, index) => boundArgument(list[index], index));
  if (!binding.canCall) throw new NoCallerError();
  if (!binding.canBind) throw new NoLibffiError();
  return checkedDestructor(Form.BOUND, address, args);
}

/** `free` as { form, address, args, run, key }. Throws for what cannot be a destructor. */
function toDestructor(free) {
  if (free === null) return NONE;
  if (typeof free === 'function') {
    const address = addresses.get(free)?.();
    if (address !== undefined) return direct(address);
    return { form: Form.JAVASCRIPT, address: 0n, args: [], pointerAt: -1, run: free, key: 'javascript' };
  }
  if (typeof free === 'object' && 'address' in free) {
    const address = toAddress(free.address);
    if (!isAddress(address))
      throw new ArgumentTypeError(free.address, 'free.address', 'the address of a C function');
    return bound(address, free.args);
  }
  const address = toAddress(free);
  if (isAddress(address)) return direct(address);
  if (typeof free === 'bigint') throw new ArgumentValueError(free, 'free', EXPECTED);
  throw new ArgumentTypeError(free, 'free', EXPECTED);
}

module.exports = {
  NONE,
  POINTER,
  SIZE,
  addresses,
  bound,
  checkedDestructor,
  direct,
  toAddress,
  toDestructor,
};
