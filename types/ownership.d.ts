/**
 * How ownership is declared, whatever the FFI.
 *
 * @packageDocumentation
 */

import type { BoundCall, Destructor, MeteredAllocator } from './index.js';

/**
 * What frees an owned pointer, in the order of preference:
 *
 * - the name of a C function `void f(T *)` of the library whose function returned the pointer;
 * - such a name with bound arguments, for example `{ symbol: 'munmap', args: [POINTER, SIZE] }`, or with the result by
 *   which it says that it has freed, `{ symbol: 'sqlite3_close', ok: 0 }`;
 * - what {@link Destructor} allows: an address, an address with bound arguments, a function, `null`.
 */
export type OwnedDestructor = string | ({ readonly symbol: string } & BoundCall) | Destructor;

/**
 * How many bytes an owned pointer keeps alive (which way for which library: `docs/choosing-a-size.md`):
 *
 * - `'exact'`: what the call that returned it has allocated and not freed, in the library and in what that is linked to, to
 *   the byte; and what later calls with the pointer allocate and free. On Windows, made by an `.async` call it has the size of
 *   its own block. On Linux and Windows, x64, arm64 and arm, with the binary;
 * - a number: always as many;
 * - `'malloc'`: what the C allocator really gave, only for pointers that malloc returned;
 * - the name of a C function `size_t f(const T *)` of the library;
 * - a function of the address and of the arguments of the call that returned the pointer. (When `resizes` asks again,
 *   it gets the address only.)
 * - a metered allocator: what the call has allocated through it in this thread and not freed, to the byte; what calls
 *   with `resizes` allocate is added. Such bytes are not charged a second time for the allocator itself. Made by an
 *   `.async` call the pointer has size 0, and its bytes stay with the allocator;
 * - `'metered'`: the same, where there is only one metered allocator.
 */
export type OwnedSize =
  | number
  | bigint
  | 'malloc'
  | 'metered'
  | 'exact'
  | MeteredAllocator
  | (string & {})
  | ((address: bigint, ...args: any[]) => number | bigint);

/**
 * What an owned pointer needs alive: the number of the argument (from 0), several, or a function of the address and of the
 * arguments that returns it, or an array. It is a tracked pointer, which is then freed later, or memory of JavaScript: a
 * Buffer or another typed array, an `ArrayBuffer`, which stays alive and where it is. An address needs nothing; and for
 * what a function returns, that holds of everything else, too.
 */
export type OwnedParent = number | readonly number[] | ((address: bigint, ...args: any[]) => unknown);

/** The number of an argument, from 0, or several. */
export type ArgumentNumbers = number | readonly number[];

/**
 * Who keeps which arguments after the call. Kept are tracked pointers, which are freed later than what keeps them, and memory
 * of JavaScript: Buffers and other typed arrays, `ArrayBuffer`s. With Koffi, functions for a callback are registered for as
 * long. Addresses and `null` need nothing; for anything else, such as a string, of which C gets a copy for the call, the call throws `ERR_TALLY_INVALID_ARG_TYPE`.
 */
export interface Keeps {
  /** The result does, until it has been freed. One that is not owned becomes a `TrackedPointer` of size 0 that frees nothing. */
  result?: ArgumentNumbers;
  /** Nobody that could end: until the end of this thread, or until they are replaced. */
  forever?: ArgumentNumbers;
  /** The argument of that number, a `TrackedPointer`, or what C stores there: until it has been freed, or they are replaced. */
  [keeper: number]: ArgumentNumbers;
}

/**
 * What C returns, beside NULL, in place of a pointer or integer where a call fails: an address such as `-1n`, several, or a function
 * that tells. The caller gets `null` then. If the function throws, or returns no boolean, the pointer is freed, and that
 * error is thrown.
 */
export type OwnedInvalid = number | bigint | readonly (number | bigint)[] | ((address: any) => boolean);

/** The options of `owned()`. */
export interface OwnedOptions {
  /** What frees such a pointer. There is no default. */
  free: OwnedDestructor;
  /**
   * What it keeps alive, in bytes. Default: the size of the type pointed to, if Koffi knows one; otherwise `'exact'`, or
   * `ERR_TALLY_SIZE_REQUIRED` on platforms where that cannot be.
   */
  size?: OwnedSize | undefined;
  /** What must be freed after it, such as the database of a statement. Default: nothing. */
  parent?: OwnedParent | undefined;
  /**
   * Another way to the size, to notice that `size` is wrong: the first calls and some later ones are compared, see
   * `compared` in `AccountStats`; if `'exact'` finds it wrong, the process emits `FFI_TALLY_WRONG_SIZE`. The pointers carry
   * `size`. Default: none.
   */
  compare?: 'malloc' | 'metered' | 'exact' | MeteredAllocator | undefined;
  /** That C counts references, so that several such pointers may have one address. For `Settings.checked`; default: `false`. */
  shared?: boolean | undefined;
  /**
   * That C wants it used and freed in the thread that has made it, as contexts of OpenGL and windows: `.async` of functions
   * that give or get such a pointer, and `handOver()`, throw `ERR_TALLY_UNSUPPORTED`. Its destructor runs in its thread in any
   * case. Default: `false`.
   */
  sameThread?: boolean | undefined;
  /**
   * That its destructor uses what it needs (`parent`, `keeps`), and wants that for itself: it does not run while an
   * asynchronous call uses one of those. Default: `false`.
   */
  exclusive?: boolean | undefined;
  /**
   * That its destructor, a C function, may run on another thread at any time, and shall: there is one for each environment.
   * `dispose()` returns at once, and the bytes stay charged until it is freed. A limit waits for that. Before the environment
   * or the process ends, all that is queued is run. While more is queued than may be garbage (`budget`, `growth`),
   * the destructor runs where the pointer ends. It must not call back into JavaScript. Default: `false`.
   */
  background?: boolean | undefined;
  /** What says that there is no pointer, such as `-1n` for `mmap()`. Default: NULL alone. */
  invalid?: OwnedInvalid | undefined;
  /**
   * How many C has. Before a call that may give one more, garbage is collected; after one that has given none, too, and if
   * that has freed anything, the call is made again, unless C takes an argument of it. Default: nobody counts.
   */
  most?: number | bigint | undefined;
}

/**
 * Whether a call has given, or taken: a function of its result (a pointer as an address, or `null`) and of its arguments as
 * they were passed, after the call. What it throws is thrown by the call, as is `ERR_TALLY_INVALID_ARG_TYPE` for what is no
 * boolean.
 */
export type OwnedOutcome = (result: any, ...args: any[]) => boolean;

/** Ownership for one function: the last argument of Koffi's `lib.func()`, members of a signature of `node:ffi`. */
export interface FunctionOptions {
  /** The result is owned, and this frees it. For a result of plain pointer type. */
  free?: OwnedDestructor | undefined;
  /** The size of the result, with `free` or in place of that of its owned type. Default: as in {@link OwnedOptions}. */
  size?: OwnedSize | undefined;
  /** What the owned result needs alive. Default: that of its owned type. */
  parent?: OwnedParent | undefined;
  /** As in {@link OwnedOptions}, together with `free`. */
  shared?: boolean | undefined;
  /** As in {@link OwnedOptions}, together with `free`. */
  sameThread?: boolean | undefined;
  /** As in {@link OwnedOptions}, together with `free`. */
  exclusive?: boolean | undefined;
  /** As in {@link OwnedOptions}, together with `free`. */
  background?: boolean | undefined;
  /** As in {@link OwnedOptions}, together with `free`. */
  most?: number | bigint | undefined;
  /** What says that the owned result is no pointer, in place of that of its owned type. */
  invalid?: OwnedInvalid | undefined;
  /**
   * Whether the call has given what C returned and stored as owned pointers. If not, they are plain pointers, as without
   * ownership, and nobody frees them. If nobody can tell, what C stored is plain, and what it returned, which nobody else
   * has, is freed as garbage. Default: always.
   */
  gives?: OwnedOutcome | undefined;
  /**
   * Whether the call has taken the pointers that C may take. If not, they are what they were before. If nobody can tell, it
   * has. Default: always.
   */
  takes?: OwnedOutcome | undefined;
  /**
   * Which arguments C goes on using after the call, and until when: see {@link Keeps}. A number, or several, are those that
   * the result keeps, as a pointer into their memory does: `keeps: 0` is `keeps: { result: 0 }`. That is not together with
   * `parent`.
   */
  keeps?: ArgumentNumbers | Keeps | undefined;
  /**
   * That a call replaces what earlier calls of this function have had the same argument keep, or `forever`, as a setter does:
   * that is let go when the call returns. `true`, or the numbers of arguments: then only what was kept by calls with the
   * same values there, such as the number of a parameter. Default: everything stays kept.
   */
  replaces?: true | ArgumentNumbers | undefined;
  /**
   * Which arguments are callbacks that C calls once, some time, such as one that tells that C is done. A function that is
   * passed there is registered, and unregistered in the next turn of the event loop after it was called; then what it keeps
   * (`keeps`) is let go. Koffi only. Default: none.
   */
  once?: ArgumentNumbers | undefined;
  /**
   * How many bytes of which arguments C uses, for `Settings.checked`: by the number of the pointer, that of the argument that
   * says how many, or a function of all arguments. In the checked mode a call throws `ERR_TALLY_OUT_OF_BOUNDS` that says more than the
   * tracked pointer or Buffer has, or less than nothing; a negative argument is let pass where it is signed. Default: nobody
   * checks.
   */
  lengths?: { readonly [argument: number]: number | ((...args: any[]) => number | bigint) } | undefined;
  /**
   * The number of an argument whose memory the call may change: it is measured again after the call. Refused where the size of
   * what can come there is always the same, or counted in any case.
   */
  resizes?: number | undefined;
  /**
   * That C calls back into JavaScript for a long time, as `g_main_loop_run()` does. What JavaScript is done with meanwhile
   * is freed, but for the arguments of this call. Without it only what is disposed of explicitly is freed before the
   * call returns; a call that holds up the rest for a second is announced (`FFI_TALLY_LONG_CALL`). Default: `false`.
   */
  reenters?: boolean | undefined;
}

/** Options that let the outcome of a call say whether C has given what it returned and stored. */
export type GivingOptions = FunctionOptions & { gives: OwnedOutcome };

/** Options that leave a plain result plain. */
export type PlainOptions = FunctionOptions & {
  free?: undefined;
  gives?: undefined;
  keeps?: (Keeps & { result?: undefined }) | undefined;
};

/** Options that give a plain result an owner. */
export type OwningOptions = FunctionOptions &
  ({ free: OwnedDestructor } | { keeps: ArgumentNumbers | { result: ArgumentNumbers } });
