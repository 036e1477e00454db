'use strict';
// Every error that this library throws: one class and one code each. Codes are API, texts are not.

const { formatBytes, formatRoundBytes } = require('./bytes');

function shown(value) {
  if (value === null) return 'null';
  if (typeof value === 'object') return value.constructor?.name ?? 'object';
  return typeof value;
}

function unexpected(value, name, expected) {
  const detail = typeof value === 'number' || typeof value === 'bigint' ? ` (${value})` : '';
  return `Unexpected ${shown(value)} value${detail} for '${name}', expected ${expected}`;
}

function define(Base, code, message) {
  return class extends Base {
    constructor(...details) {
      super(message(...details));
      this.code = code;
      this.help = `ffi-tally/docs/errors.md#${code.toLowerCase()}`; // Node prints it beside an error that nobody catches
    }

    get name() {
      return Base.name;
    }
  };
}

const text = (message) => message;

// Bytes may be a bigint.
const told = (bytes) => formatBytes(Number(bytes));
const toldRound = (bytes) => formatRoundBytes(Number(bytes));

// Of accounts, gauges and meters, of which the last two know no pointers.
function largestShown(largest) {
  const shownOf = ({ label, bytes, pointers }) =>
    `${label} (${told(bytes)}${pointers === undefined ? '' : ` in ${pointers} pointers`})`;
  return largest.map(shownOf).join(', ') || 'none';
}

/** A value of the wrong type. */
exports.ArgumentTypeError = define(TypeError, 'ERR_TALLY_INVALID_ARG_TYPE', unexpected);

/** A value of the right type that is out of range or not known. */
exports.ArgumentValueError = define(RangeError, 'ERR_TALLY_INVALID_ARG_VALUE', unexpected);

/** An option that does not exist. */
exports.UnknownOptionError = define(
  TypeError,
  'ERR_TALLY_UNKNOWN_OPTION',
  (name, known) => `Unknown option '${name}', expected one of ${known.join(', ')}`,
);

/** NULL cannot be tracked. */
exports.NullPointerError = define(
  TypeError,
  'ERR_TALLY_NULL_POINTER',
  () => `Unexpected NULL for 'address': there is nothing to track`,
);

/** An address that another pointer has. */
exports.TrackedTwiceError = define(
  Error,
  'ERR_TALLY_TRACKED_TWICE',
  (address, first, second) =>
    `Cannot track ${address} (${second}): a pointer to it is tracked already (${first}), and both would ` +
    `free it. Either C has given it out twice, or its memory was freed behind the back of the first. Nothing was freed`,
);

/** More bytes given back than were charged. */
exports.UnbalancedError = define(
  RangeError,
  'ERR_TALLY_UNBALANCED',
  (delta, total) => `Cannot give back ${-delta} bytes: only ${total} are reported`,
);

/** More bytes than can be counted. */
exports.OverflowError = define(
  RangeError,
  'ERR_TALLY_OVERFLOW',
  (bytes) => `Cannot charge ${bytes} bytes: the total would pass 2^53 - 1`,
);

/** Memory that is not the pointer's. */
exports.OutOfBoundsError = define(
  RangeError,
  'ERR_TALLY_OUT_OF_BOUNDS',
  (what, from, bytes, label, size) =>
    `Cannot ${what} ${bytes} bytes at ${from} of a pointer (${label}) of ${size} bytes`,
);

/** The ledger itself found no memory. */
exports.OutOfMemoryError = define(
  Error,
  'ERR_TALLY_OUT_OF_MEMORY',
  () => 'No memory to keep the books of another pointer',
);

/**
 * A new pointer with which something would pass its limit, after a collection: what is live here, the process, or a gauge.
 * `has` is the subject and the verb of how much that is. With a size of null there was none.
 */
exports.LimitError = define(RangeError, 'ERR_TALLY_LIMIT', (size, has, bytes, limit, largest) => {
  const what = `${has} ${told(bytes)} and the limit is ${toldRound(limit)}. Largest accounts: ${largestShown(largest)}`;
  if (size === null) return `Too much is live: ${what}`;
  const more = size === undefined ? '' : ` of ${told(size)}`;
  return `Cannot track another pointer${more}: ${what}. The new pointer was freed`;
});

/** Pointers that nobody uses any more are alive. */
exports.LeakError = class extends define(Error, 'ERR_TALLY_LEAK', text) {
  constructor(message, leaks) {
    super(message);
    this.leaks = leaks;
  }
};

/** A pointer used after its end; passed `where`, perhaps for an owned type, so that a call has taken it before. */
exports.DisposedError = define(ReferenceError, 'ERR_TALLY_DISPOSED', (label, what, where, taken) => {
  const to = where === undefined ? '' : ` to ${where}`;
  const hint = taken
    ? `: each call takes what it gets there. Where C only borrows, write the plain type in place of '${label}'`
    : '';
  return `Cannot ${what} a tracked pointer (${label})${to} after its end${hint}`;
});

/** A pointer handed over that is not there to be taken over. */
exports.TakenOverError = define(
  Error,
  'ERR_TALLY_TAKEN_OVER',
  (label) =>
    `Cannot take over a pointer (${label}): it has been taken over already, or was never handed over in this process`,
);

/** A destructor whose result says that it has failed. */
exports.DestructorError = class extends define(Error, 'ERR_TALLY_DESTRUCTOR', text) {
  constructor(label, result, ok, stays) {
    const state = stays ? 'It is still there, and may be disposed of again' : 'It counts as freed';
    super(`Cannot free a tracked pointer (${label}): its destructor returned ${result}, not ${ok}. ${state}`);
    this.result = result;
  }
};

/** A pointer that cannot be given away while `holds` others need it; without them, while its parent needs it to be freed. */
exports.InUseError = define(Error, 'ERR_TALLY_IN_USE', (label, holds) => {
  const reason =
    holds === undefined
      ? 'its parent has ended, and would be freed before it; dispose() frees both in order'
      : `${holds} pointer${holds === 1 ? '' : 's'} or calls, or buffers that a view was moved into, depend on it; ` +
        'dispose() waits for them';
  return `Cannot give away a tracked pointer (${label}): ${reason}`;
});

/** A pointer that a call gets twice, where C takes it. */
exports.GivenTwiceError = define(
  Error,
  'ERR_TALLY_GIVEN_TWICE',
  (label, name, at, other) =>
    `Cannot give away a tracked pointer (${label}) as argument ${at} of ${name}(): ` +
    (at === other ? 'it is there twice' : `it is argument ${other}, too, or in there`),
);

/** A tracked pointer of another type than the function takes. */
exports.TypeMismatchError = define(
  TypeError,
  'ERR_TALLY_TYPE_MISMATCH',
  (actual, expected, where) => `Unexpected tracked ${actual} for ${where}, expected ${expected}`,
);

/** A size function that failed, or whose result is no size. */
exports.SizeError = class extends define(Error, 'ERR_TALLY_SIZE', text) {
  constructor(label, reason, consequence, cause) {
    super(`Cannot measure a pointer (${label}): ${reason}; ${consequence}`);
    this.cause = cause;
  }
};

/** An owned type without a size that could be found. */
exports.SizeRequiredError = define(
  TypeError,
  'ERR_TALLY_SIZE_REQUIRED',
  (name, type) =>
    `The size of '${type}' is not known, so '${name}' needs one: write { size: BYTES }, ` +
    `{ size: 'name_of_a_C_function' }, { size: (address, ...args) => BYTES } or { size: 'malloc' }`,
);

// Windows looks for a name in the library alone, and not in those that it needs.
const FREE_OF_C =
  `. If it is that of C: free: koffi.load(${process.platform === 'win32' ? `'ucrtbase.dll'` : 'null'}).symbol('free'), ` +
  `where the library uses that C runtime`;

/** A name that a library does not export. */
exports.UnknownSymbolError = define(
  Error,
  'ERR_TALLY_UNKNOWN_SYMBOL',
  (symbol, role, name) =>
    `Cannot find '${symbol}', the ${role} of '${name}', in the library${symbol === 'free' ? FREE_OF_C : ''}`,
);

/** A form of ownership in a prototype that is not supported. */
exports.UnsupportedError = define(TypeError, 'ERR_TALLY_UNSUPPORTED', text);

/** A runtime that does not let JavaScript look at native memory. */
exports.NoViewsError = define(
  Error,
  'ERR_TALLY_NO_VIEWS',
  () =>
    'This runtime forbids ArrayBuffers over native memory (Electron does), or there is no native part to make ' +
    'them. Use copy(), which needs the native part and no such buffer, or koffi.decode() and koffi.encode()',
);

/** A destructor with bound arguments in a build without libffi. */
exports.NoLibffiError = define(
  Error,
  'ERR_TALLY_NO_LIBFFI',
  () =>
    'Destructors with bound arguments need libffi, and ffi-tally was built without it: install libffi ' +
    'and pkg-config (Debian: libffi-dev pkg-config), then npx ffi-tally build',
);

/** A destructor in C, and nothing to call C with. */
exports.NoCallerError = define(
  Error,
  'ERR_TALLY_NO_CALLER',
  () =>
    'Without its native part ffi-tally calls C destructors through Koffi, which is not installed: ' +
    'npm install koffi, or pass a JavaScript function that frees: { free: (address) => ... }',
);

/** Koffi is not installed. */
exports.NoKoffiError = class extends define(Error, 'ERR_TALLY_NO_KOFFI', text) {
  constructor(cause) {
    super(`Cannot find koffi, which 'ffi-tally/koffi' extends: npm install koffi`);
    this.cause = cause;
  }
};

/** There is no node:ffi. */
exports.NoNodeFfiError = class extends define(Error, 'ERR_TALLY_NO_NODE_FFI', text) {
  constructor(cause) {
    super(
      `Cannot find node:ffi, which 'ffi-tally/node-ffi' extends: it needs Node 26 without --no-experimental-ffi, ` +
        `and this is ${process.version}. 'ffi-tally/koffi' does the same on every Node`,
    );
    this.cause = cause;
  }
};

/** The native part could not be loaded. */
exports.BindingError = class extends define(Error, 'ERR_TALLY_NO_BINDING', text) {
  constructor(message, cause) {
    super(message);
    if (cause !== undefined) this.cause = cause;
  }
};

/** Something that only the library itself may construct. */
exports.IllegalConstructorError = define(
  TypeError,
  'ERR_TALLY_ILLEGAL_CONSTRUCTOR',
  () => 'A TrackedPointer is made by track() or by a function that returns an owned type',
);
