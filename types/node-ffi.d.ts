/**
 * Node's own FFI with ownership: `require('ffi-tally/node-ffi')` in place of `require('node:ffi')`.
 *
 * Everything that `node:ffi` exports is here and does what it does there. Added is {@link owned}: an object that stands
 * in a signature in place of `'pointer'` and says who owns it.
 *
 * | an owned type as                          | means                                                             |
 * | ----------------------------------------- | ----------------------------------------------------------------- |
 * | `return: Image`                           | C gives: the caller gets a `TrackedPointer`, `null` for NULL      |
 * | `arguments: [Image]`                      | C takes: the pointer ends in JavaScript, its destructor never runs |
 * | `arguments: [Image.out]`                  | C gives through a `T **`: the caller passes `[null]`, or one for each |
 * | `arguments: [Image.inout]`                | C takes what is there and gives what it leaves there              |
 * | `arguments: [Image.borrowed]`             | C borrows for the call an `Image`, and no other tracked pointer   |
 * | `arguments: ['pointer']`                  | C borrows for the call any tracked pointer                        |
 *
 * Needs Node 26 without `--no-experimental-ffi`; loading it throws `ERR_TALLY_NO_NODE_FFI` elsewhere. `node:ffi` is
 * experimental, and so is this: it follows Node, in any release.
 *
 * @packageDocumentation
 */

import type { TrackedPointer } from './index.js';
import type { ArgumentNumbers, FunctionOptions, OwnedOptions, OwnedOutcome, OwnedSize } from './ownership.js';

export type * from './ownership.js';

declare const role: unique symbol;

/** A form of an owned type for parameters. */
export interface Place<Name extends string, Role extends 'borrowed' | 'out' | 'inout'> {
  readonly name: `${Name}.${Role}`;
  /** For the compiler only. */
  readonly [role]: [Role, Name];
}

/** What {@link owned} returns: for the result of a function, and for a parameter through which C takes ownership. */
export interface OwnedType<Name extends string = string> {
  readonly name: Name;
  /** For the compiler only. */
  readonly [role]: ['owned', Name];
  /** A parameter that is lent for the call: of this type, or a pointer whose type is not known. */
  readonly borrowed: Place<Name, 'borrowed'>;
  /** A parameter `T **` through which C gives. */
  readonly out: Place<Name, 'out'>;
  /** A parameter `T **` through which C takes what is there and gives what it leaves there. */
  readonly inout: Place<Name, 'inout'>;
}

/** The types that are passed as a number. */
type NumberType =
  | 'char'
  | 'bool'
  | `${'int' | 'uint'}${8 | 16 | 32}`
  | `${'i' | 'u'}${8 | 16 | 32}`
  | 'float'
  | 'double'
  | `float${32 | 64}`
  | `f${32 | 64}`;

/** The types that are passed as a `bigint` or a safe integer, and returned as a `bigint`. */
type BigIntType = 'int64' | 'uint64' | 'i64' | 'u64';

/** All that are passed as a pointer; where one is returned it is a `bigint`, also for `'string'`: see {@link toString}. */
type PointerType = 'pointer' | 'ptr' | 'string' | 'str' | 'buffer' | 'arraybuffer' | 'function';

/** The names of types that `node:ffi` knows. */
export type TypeName = 'void' | NumberType | BigIntType | PointerType;

/** What a pointer parameter takes. */
export type PointerArgument =
  TrackedPointer | bigint | string | ArrayBuffer | ArrayBufferView | null | undefined;

/** A type in the place of a parameter. */
export type ParameterType = TypeName | OwnedType | Place<string, 'borrowed' | 'out' | 'inout'>;

/** A type in the place of a result. */
export type ResultType = TypeName | OwnedType;

/** A signature of `node:ffi`, with ownership. Options of ownership are members of it: `{ ..., free: 'free' }`. */
export interface Signature extends FunctionOptions {
  /** Default: none. */
  readonly arguments?: readonly ParameterType[];
  /** Default: `'void'`. */
  readonly return?: ResultType;
}

/** A tracked pointer of an owned type, or one of which only the function that gave it is known. */
type Lent<Name extends string> =
  TrackedPointer<Name> | TrackedPointer<`${string}()`> | bigint | null | undefined;

type Argument<T> = T extends NumberType
  ? number
  : T extends BigIntType
    ? bigint | number
    : T extends PointerType
      ? PointerArgument
      : T extends OwnedType<infer Name>
        ? TrackedPointer<Name> | bigint | null
        : T extends Place<infer Name, infer Role>
          ? Role extends 'borrowed'
            ? Lent<Name>
            : (TrackedPointer<Name> | bigint | null)[] | null
          : never;

type Arguments<Types extends readonly unknown[]> = { -readonly [I in keyof Types]: Argument<Types[I]> };

type Result<Name extends string, S> = S extends { gives: OwnedOutcome }
  ? Possibly<Given<Name, S>>
  : Given<Name, S>;

/** What is not given is an address. */
type Possibly<R> = [R] extends [TrackedPointer | null] ? R | bigint : R;

type Given<Name extends string, S> = S extends { return: infer T }
  ? T extends OwnedType<infer Owned>
    ? TrackedPointer<Owned> | null
    : T extends PointerType
      ? S extends { free: {} | null } | { keeps: ArgumentNumbers | { result: ArgumentNumbers } }
        ? TrackedPointer<`${Name}()`> | null
        : bigint
      : T extends NumberType
        ? number
        : T extends BigIntType
          ? bigint
          : undefined
  : undefined;

/** The function that a signature declares. */
export type Callable<Name extends string, S extends Signature> = {
  (
    ...args: S extends { arguments: infer Types extends readonly unknown[] } ? Arguments<Types> : []
  ): Result<Name, S>;
  /** The address of the C function. */
  readonly pointer: bigint;
};

/** Signatures by the names of their functions. */
export interface Definitions {
  readonly [name: string]: Signature;
}

/** The functions that {@link Definitions} declare. */
export type Functions<D extends Definitions> = {
  readonly [Name in keyof D & string]: Callable<Name, D[Name]>;
};

/** A signature of a callback, in which nothing can be owned. */
export interface CallbackSignature {
  readonly arguments?: readonly TypeName[];
  readonly return?: TypeName;
}

/**
 * Declares an owned pointer type: a pointer of this type must be freed by whoever has it. C's types have no names in
 * `node:ffi`, so the type also stands for what it points to.
 *
 * @param name - The label of its pointers in `stats()`, not taken by another owned type.
 * @throws `ERR_TALLY_SIZE_REQUIRED` without a size where `'exact'` cannot be, `ERR_TALLY_NO_LIBFFI`, `ERR_TALLY_UNKNOWN_OPTION`,
 *   `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`, also for a name that is taken.
 *
 * @example
 * ```js
 * const Image = ffi.owned('Image', { free: 'gdImageDestroy', size: (image, w, h) => 4 * w * h });
 * ```
 */
export function owned<const Name extends string>(name: Name, options: OwnedOptions): OwnedType<Name>;

/**
 * Loads a library and declares functions of it, with their types inferred from their signatures.
 *
 * @param path - `null` for what the process has loaded already (not on Windows).
 * @throws `ERR_TALLY_UNKNOWN_SYMBOL` for a destructor or size function that the library does not have;
 *   `ERR_TALLY_UNSUPPORTED` for options that contradict each other or the result; `ERR_TALLY_UNKNOWN_OPTION` for a
 *   member of a signature that does not exist, such as `result`; `ERR_TALLY_INVALID_ARG_TYPE`,
 *   `ERR_TALLY_INVALID_ARG_VALUE`; and what Node throws. The library is closed then.
 *
 * The functions throw, beside what Node throws: `ERR_TALLY_DISPOSED`, `ERR_TALLY_TYPE_MISMATCH`, `ERR_TALLY_IN_USE`,
 * `ERR_TALLY_SIZE`, `ERR_TALLY_LIMIT`, `ERR_TALLY_OVERFLOW`, `ERR_TALLY_OUT_OF_MEMORY`, as those of Koffi's drop-in do.
 *
 * @example
 * ```js
 * const { functions: gd } = ffi.dlopen('libgd.so.3', {
 *   gdImageCreateTrueColor: { arguments: ['int32', 'int32'], return: Image },
 *   gdImageSX: { arguments: [Image.borrowed], return: 'int32' },
 * });
 * ```
 */
export function dlopen<const D extends Definitions = {}>(
  path: string | null,
  definitions?: D,
): { readonly lib: DynamicLibrary; readonly functions: Functions<D>; [Symbol.dispose](): void };

/**
 * A library whose functions know about ownership; a subclass of Node's. After `close()`, and after the library has been
 * collected, the destructors of living pointers still work: it stays mapped until the last of them is gone.
 */
export class DynamicLibrary implements Disposable {
  constructor(path: string | null);
  readonly path: string | null;
  /** The functions declared so far, by name. */
  readonly functions: { readonly [name: string]: (...args: any[]) => any };
  /** The addresses looked up so far, by name. */
  readonly symbols: { readonly [name: string]: bigint };
  /** Declares a function, see {@link dlopen}. */
  getFunction<const Name extends string, const S extends Signature>(
    name: Name,
    signature: S,
  ): Callable<Name, S>;
  /** Declares functions, see {@link dlopen}. */
  getFunctions<const D extends Definitions>(definitions: D): Functions<D>;
  getFunctions(): { readonly [name: string]: (...args: any[]) => any };
  getSymbol(name: string): bigint;
  getSymbols(): { readonly [name: string]: bigint };
  /** A callback that throws ends the process: that is Node's doing. */
  registerCallback(callback: (...args: any[]) => unknown): bigint;
  registerCallback(signature: CallbackSignature, callback: (...args: any[]) => unknown): bigint;
  unregisterCallback(pointer: bigint): void;
  refCallback(pointer: bigint): void;
  unrefCallback(pointer: bigint): void;
  close(): void;
  [Symbol.dispose](): void;
}

export function dlclose(library: DynamicLibrary): void;
export function dlsym(library: DynamicLibrary, name: string): bigint;

/** The names of types, as constants. */
export const types: {
  readonly VOID: 'void';
  readonly POINTER: 'pointer';
  readonly BUFFER: 'buffer';
  readonly ARRAY_BUFFER: 'arraybuffer';
  readonly FUNCTION: 'function';
  readonly BOOL: 'bool';
  readonly CHAR: 'char';
  readonly STRING: 'string';
  readonly FLOAT: 'float';
  readonly DOUBLE: 'double';
  readonly INT_8: 'int8';
  readonly UINT_8: 'uint8';
  readonly INT_16: 'int16';
  readonly UINT_16: 'uint16';
  readonly INT_32: 'int32';
  readonly UINT_32: 'uint32';
  readonly INT_64: 'int64';
  readonly UINT_64: 'uint64';
  readonly FLOAT_32: 'float32';
  readonly FLOAT_64: 'float64';
};

/** How files of libraries end here: `'so'`, `'dylib'` or `'dll'`. */
export const suffix: string;

/** A pointer to memory, in all functions below. A tracked one must not have ended: `ERR_TALLY_DISPOSED`. */
type Memory = TrackedPointer | bigint;

export function getInt8(pointer: Memory, offset?: number): number;
export function getUint8(pointer: Memory, offset?: number): number;
export function getInt16(pointer: Memory, offset?: number): number;
export function getUint16(pointer: Memory, offset?: number): number;
export function getInt32(pointer: Memory, offset?: number): number;
export function getUint32(pointer: Memory, offset?: number): number;
export function getInt64(pointer: Memory, offset?: number): bigint;
export function getUint64(pointer: Memory, offset?: number): bigint;
export function getFloat32(pointer: Memory, offset?: number): number;
export function getFloat64(pointer: Memory, offset?: number): number;
export function setInt8(pointer: Memory, offset: number, value: number): void;
export function setUint8(pointer: Memory, offset: number, value: number): void;
export function setInt16(pointer: Memory, offset: number, value: number): void;
export function setUint16(pointer: Memory, offset: number, value: number): void;
export function setInt32(pointer: Memory, offset: number, value: number): void;
export function setUint32(pointer: Memory, offset: number, value: number): void;
export function setInt64(pointer: Memory, offset: number, value: bigint | number): void;
export function setUint64(pointer: Memory, offset: number, value: bigint | number): void;
export function setFloat32(pointer: Memory, offset: number, value: number): void;
export function setFloat64(pointer: Memory, offset: number, value: number): void;

/** The text at `pointer`, up to its NUL; `null` for NULL. */
export function toString(pointer: Memory): string | null;

/**
 * Memory as a `Buffer`. With `copy: false` over a tracked pointer it is one over `pointer.view(length)`, which keeps the
 * memory, where Node's own would dangle.
 *
 * @param copy - Default: `true`.
 */
export function toBuffer(pointer: Memory, length: number, copy?: boolean): Uint8Array;
/** Memory as an `ArrayBuffer`, like {@link toBuffer}. */
export function toArrayBuffer(pointer: Memory, length: number, copy?: boolean): ArrayBuffer;

export function exportString(text: string, pointer: Memory, length: number, encoding?: string): void;
export function exportBuffer(source: Uint8Array, pointer: Memory, length: number): void;
export function exportArrayBuffer(source: ArrayBuffer, pointer: Memory, length: number): void;
export function exportArrayBufferView(source: ArrayBufferView, pointer: Memory, length: number): void;
export function getRawPointer(source: ArrayBuffer | SharedArrayBuffer | ArrayBufferView): bigint;
export function getCurrentEventLoop(): bigint;
