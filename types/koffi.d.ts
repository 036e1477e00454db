/**
 * Koffi with ownership: `require('ffi-tally/koffi')` in place of `require('koffi')`.
 *
 * Everything that the installed Koffi exports is here and does what it does there; its own typings say what. Added
 * are {@link owned}, {@link withOwnership}, a last argument of `lib.func()`, {@link alloc} and {@link register}, and
 * that every function of Koffi that takes a pointer takes a `TrackedPointer`. An owned pointer type in a prototype
 * says who owns the pointer:
 *
 * | an owned type as                             | means                                                             |
 * | -------------------------------------------- | ----------------------------------------------------------------- |
 * | result, `_Out_ Owned *`                      | C gives: the caller gets a `TrackedPointer`, `null` for NULL      |
 * | parameter                                    | C takes: the pointer ends in JavaScript, its destructor never runs |
 * | `_Inout_ Owned *`                            | C takes what is there and gives what it leaves there              |
 * | its plain pointer type or `void *`, parameter | C borrows for the call: kept alive, not freed during it           |
 * | member of a struct that C returns or fills   | C gives: there is a `TrackedPointer` in the struct                 |
 * | member of a struct that C changes, `_Inout_` | C takes what it replaces, gives what is new, and leaves the rest   |
 *
 * Declare an owned type before the prototypes that name it, and one over an integer before the functions that take it. Whatever
 * takes a pointer takes tracked ones of all types, also of those that are declared later. A function that takes no pointer, and
 * has no owned type, is Koffi's own.
 *
 * A call on another thread, `f.async(...)`, keeps everything that it is given alive until its callback: tracked
 * pointers, and buffers too, which Koffi itself lets go.
 *
 * @packageDocumentation
 */

import type * as Koffi from 'koffi' with { 'resolution-mode': 'import' };
import type { NativeAddress, TrackedPointer } from './index.js';
import type {
  FunctionOptions,
  GivingOptions,
  OwnedOptions,
  OwningOptions,
  PlainOptions,
} from './ownership.js';
import type {
  AnyFunction,
  Cast,
  ClassicSignature,
  Directed,
  DirectionMarker,
  GivingClassicSignature,
  GivingSignature,
  OwnedSpecifier,
  OwnedTypeObject,
  OwningClassicSignature,
  OwningSignature,
  Signature,
  TypeSpecifier,
} from './signature.js';

export type * from 'koffi' with { 'resolution-mode': 'import' };
export type { NativeAddress, PointerTo, TrackedPointer, Untracked } from './index.js';
export type * from './signature.js';

/** What Koffi itself has under that name: the oldest ones have not all of them. */
type Member<Name extends string> = Name extends keyof typeof Koffi ? (typeof Koffi)[Name] : unknown;

/** Koffi's own. */
export const address: Member<'address'>;
export const alias: Member<'alias'>;
export const alignof: Member<'alignof'>;
export const array: Member<'array'>;
export const call: Member<'call'>;
export const config: Member<'config'>;
export const decode: Member<'decode'>;
export const disposable: Member<'disposable'>;
export const encode: Member<'encode'>;
export const enumeration: Member<'enumeration'>;
export const errno: Member<'errno'>;
export const extension: Member<'extension'>;
export const introspect: Member<'introspect'>;
export const node: Member<'node'>;
export const offsetof: Member<'offsetof'>;
export const opaque: Member<'opaque'>;
export const os: Member<'os'>;
export const pack: Member<'pack'>;
export const pointer: Member<'pointer'>;
export const proto: Member<'proto'>;
export const reset: Member<'reset'>;
export const resolve: Member<'resolve'>;
export const sizeof: Member<'sizeof'>;
export const stats: Member<'stats'>;
export const struct: Member<'struct'>;
export const type: Member<'type'>;
export const types: Member<'types'>;
export const union: Member<'union'>;
export const version: Member<'version'>;
export const Union: Member<'Union'>;
export type Union = Koffi.Union;

export type * from './ownership.js';

/** The names of types that Koffi makes a JavaScript string of. */
export type StringTypeName =
  | 'str'
  | 'str16'
  | 'str32'
  | 'string'
  | 'string16'
  | 'string32'
  | `${'' | 'const '}${'char' | 'char16' | 'char16_t' | 'char32' | 'char32_t' | 'wchar' | 'wchar_t'} *`;

/** The options of {@link owned} for a string type. */
export interface OwnedStringOptions {
  /** The name of a C function of the library whose function returned the string, an address, or a function of the pointer. */
  free: string | NativeAddress | ((pointer: any) => unknown);
}

/**
 * A library of Koffi whose `func()` knows about ownership.
 *
 * The other members are those of Koffi. After `unload()`, and after Koffi has dropped a library that nobody refers
 * to, the destructors of living pointers still work: their library stays mapped until the last of them is gone.
 */
export interface LibraryHandle extends Omit<ReturnType<typeof Koffi.load>, 'func'> {
  /**
   * Declares a C function.
   *
   * Its signature in TypeScript is read from the prototype, see `docs/typescript.md`: `int abs(int x)` gives
   * `(x: number) => number`. What cannot be read is `any`.
   *
   * @param definition - Its prototype.
   * @throws `ERR_TALLY_UNKNOWN_SYMBOL` if the library has no destructor or size function of that name;
   *   `ERR_TALLY_UNSUPPORTED` for ownership that cannot be followed (an array of owned pointers, an owned member of a
   *   struct that C takes or changes) and for options that contradict each other or the result; `ERR_TALLY_UNKNOWN_OPTION`,
   *   `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`; and what Koffi throws.
   *
   * When the function is called it throws, beside what Koffi throws: `ERR_TALLY_DISPOSED` for a pointer that has ended,
   * `ERR_TALLY_TYPE_MISMATCH` for a tracked pointer of another type, `ERR_TALLY_IN_USE` for a pointer that C would
   * take while others need it, `ERR_TALLY_SIZE` if the result cannot be measured (it is freed), `ERR_TALLY_LIMIT`,
   * `ERR_TALLY_OVERFLOW`, `ERR_TALLY_OUT_OF_MEMORY`.
   *
   * @example
   * ```js
   * const create = gd.func('OwnedImage gdImageCreateTrueColor(int width, int height)');
   * const copy = libc.func('void *strdup(const char *text)', { free: 'free', size: 'malloc' });
   * ```
   */
  func<const Prototype extends string>(
    definition: Prototype,
    options?: PlainOptions,
  ): Koffi.KoffiFunc<Signature<Prototype>>;
  /** Declares a C function of which the outcome says whether it gives: what it does not give is a plain pointer. */
  func<const Prototype extends string>(
    definition: Prototype,
    options: GivingOptions,
  ): Koffi.KoffiFunc<GivingSignature<Prototype>>;
  /** Declares a C function whose result gets an owner: a plain pointer becomes `TrackedPointer<'name()'>`. */
  func<const Prototype extends string>(
    definition: Prototype,
    options: OwningOptions,
  ): Koffi.KoffiFunc<OwningSignature<Prototype>>;
  /** Declares a C function whose signature you give yourself: `func<(x: number) => Status>('status_t f(int x)')`. */
  func<F extends AnyFunction>(definition: string, options?: FunctionOptions): Koffi.KoffiFunc<F>;
  /** Declares a C function in Koffi's classic form. */
  func<const Type extends TypeSpecifier, const Types extends readonly TypeSpecifier[]>(
    name: string | number,
    result: Type,
    parameters: Types,
    options?: PlainOptions,
  ): Koffi.KoffiFunc<ClassicSignature<Type, Types>>;
  func<
    const Name extends string,
    const Type extends TypeSpecifier,
    const Types extends readonly TypeSpecifier[],
  >(
    name: Name,
    result: Type,
    parameters: Types,
    options: GivingOptions,
  ): Koffi.KoffiFunc<GivingClassicSignature<Name, Type, Types>>;
  func<
    const Name extends string,
    const Type extends TypeSpecifier,
    const Types extends readonly TypeSpecifier[],
  >(
    name: Name,
    result: Type,
    parameters: Types,
    options: OwningOptions,
  ): Koffi.KoffiFunc<OwningClassicSignature<Name, Type, Types>>;
  func<F extends AnyFunction>(
    name: string | number,
    result: TypeSpecifier,
    parameters: TypeSpecifier[],
    options?: FunctionOptions,
  ): Koffi.KoffiFunc<F>;
  /** Declares a C function in Koffi's classic form, with a calling convention. */
  func<const Type extends TypeSpecifier, const Types extends readonly TypeSpecifier[]>(
    convention: string,
    name: string | number,
    result: Type,
    parameters: Types,
    options?: PlainOptions,
  ): Koffi.KoffiFunc<ClassicSignature<Type, Types>>;
  func<
    const Name extends string,
    const Type extends TypeSpecifier,
    const Types extends readonly TypeSpecifier[],
  >(
    convention: string,
    name: Name,
    result: Type,
    parameters: Types,
    options: GivingOptions,
  ): Koffi.KoffiFunc<GivingClassicSignature<Name, Type, Types>>;
  func<
    const Name extends string,
    const Type extends TypeSpecifier,
    const Types extends readonly TypeSpecifier[],
  >(
    convention: string,
    name: Name,
    result: Type,
    parameters: Types,
    options: OwningOptions,
  ): Koffi.KoffiFunc<OwningClassicSignature<Name, Type, Types>>;
  func<F extends AnyFunction>(
    convention: string,
    name: string | number,
    result: TypeSpecifier,
    parameters: TypeSpecifier[],
    options?: FunctionOptions,
  ): Koffi.KoffiFunc<F>;
}

/** The options of {@link load}: those of Koffi, and ours. */
export type LoadOptions = NonNullable<Parameters<typeof Koffi.load>[1]> & {
  /**
   * Whether what the library allocates is counted. `true`: from now on. `false`: never; then a type whose size is
   * `'exact'` is refused. Default: when a function is declared that returns such a type.
   */
  metered?: boolean | undefined;
};

/**
 * Loads a library, as Koffi does. If its own functions have the names of some that Node exports, and are not what it
 * calls, the process emits `FFI_TALLY_EXPORTED`.
 *
 * @throws `ERR_TALLY_UNSUPPORTED` for `metered: true` where that cannot be; `ERR_TALLY_INVALID_ARG_TYPE`.
 *
 * @example
 * ```js
 * const gd = koffi.load('libgd.so.3');
 * ```
 */
export function load(path: Parameters<typeof Koffi.load>[0], options?: LoadOptions): LibraryHandle;

/**
 * Declares an owned pointer type: a pointer of this type must be freed by whoever has it. Or, with Koffi 3, an owned integer
 * type, such as that of a descriptor, which may be 0 and has no memory. Or a struct that owns: what C returns or fills becomes a
 * pointer to it, in memory that stays where it is; there `size` is what it keeps alive beside itself, by default `'exact'`.
 *
 * It is one type per name and per Koffi, as all types of Koffi are, and `koffi.reset()` forgets it. Declaring it again with the
 * same meaning is no error, so that a module may be evaluated again, as by each test file of Jest; functions mean the same
 * if they read the same, and the last ones are used.
 *
 * A string type, such as `'char *'`, stays one: the caller gets a JavaScript string, and the original is freed at once,
 * by Koffi's own `disposable()`. Such a type belongs to the library whose function returns it first, and nothing of it
 * is tracked.
 *
 * @param name - The name, for prototypes and as the label of its pointers in `stats()`.
 * @param type - The pointer type that it stands for, such as `'gdImage *'` or `'void *'`, the struct, such as `'regex_t'`, or the
 *   integer type, such as `'int'`.
 * @throws `ERR_TALLY_SIZE_REQUIRED`, `ERR_TALLY_UNSUPPORTED` for what is no pointer type and no integer, `ERR_TALLY_NO_LIBFFI`,
 *   `ERR_TALLY_UNKNOWN_OPTION`, `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`, also for a name that has another
 *   meaning; and what Koffi throws, for instance for the name of a type of another sort.
 *
 * @example
 * ```js
 * koffi.opaque('gdImage');
 * koffi.owned('OwnedImage', 'gdImage *', {
 *   free: 'gdImageDestroy',
 *   size: (image, width, height) => 4 * width * height,
 * });
 * ```
 */
export function owned(
  name: string,
  type: StringTypeName,
  options: OwnedStringOptions,
): ReturnType<typeof Koffi.opaque>;
export function owned<const Name extends string>(
  name: Name,
  type: OwnedSpecifier<Name>,
  options: OwnedOptions,
): OwnedTypeObject<Name>;

/** Makes a parameter of a type one that C fills, as Koffi does. What it is for is known if the type is given by name. */
export const out: {
  <const Name extends string>(type: Name): Directed<Name>;
  (type: TypeSpecifier): DirectionMarker;
};

/** The same for a parameter that C reads and fills. */
export const inout: {
  <const Name extends string>(type: Name): Directed<Name, never>;
  (type: TypeSpecifier): DirectionMarker;
};

/** Says how Koffi reads a value that is passed for a pointer. */
export const as: (value: any, type: TypeSpecifier) => Cast;

/** The last argument of {@link alloc} and {@link register}, for a result that has an owner. */
export interface Owned {
  owned: true;
}

/**
 * Allocates memory for `length` values of a type, as Koffi does. With `{ owned: true }` it is tracked: zeroed memory of
 * the C allocator that frees itself, under the label `alloc <type>`.
 *
 * @throws With `{ owned: true }`: `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`, `ERR_TALLY_LIMIT`,
 *   `ERR_TALLY_OUT_OF_MEMORY`, `ERR_TALLY_OVERFLOW`.
 *
 * @example
 * ```js
 * const samples = koffi.alloc('float', 48000, { owned: true });
 * ```
 */
export const alloc: {
  (type: TypeSpecifier, length: number | bigint, options: Owned): TrackedPointer<`alloc ${string}`>;
} & Member<'alloc'>;

/**
 * Frees memory that {@link alloc} gave, as Koffi does. A `TrackedPointer` is disposed, whatever its destructor is.
 *
 * @example
 * ```js
 * koffi.free(block);
 * ```
 */
export function free(value: any): void;

/**
 * Makes a JavaScript function callable by C, as Koffi does. With `{ owned: true }` the result is a `TrackedPointer` of
 * size 0, under the label `callback <type>`, and its end unregisters the callback: Koffi has 8192 of them, and nobody
 * else gives one back. Keep it for as long as C may call; what refers to it from the callback itself keeps it for ever.
 *
 * @example
 * ```js
 * using compare = koffi.register((a, b) => order(a, b), 'Compare *', { owned: true });
 * ```
 */
export const register: {
  (callback: Function, type: TypeSpecifier, options: Owned): TrackedPointer<`callback ${string}`>;
  (
    thisValue: any,
    callback: Function,
    type: TypeSpecifier,
    options: Owned,
  ): TrackedPointer<`callback ${string}`>;
} & typeof Koffi.register;

/** Gives back a callback, as Koffi does. A `TrackedPointer` is disposed. */
export const unregister: { (callback: TrackedPointer): void } & typeof Koffi.unregister;

/**
 * An `ArrayBuffer` over native memory, as Koffi makes it: valid only as long as that memory, and counted by V8 once for
 * each view. For a `TrackedPointer` it is `pointer.view(length)`, which is safe and counted once.
 *
 * @throws For a `TrackedPointer`, what its `view()` throws.
 */
export const view: { (pointer: TrackedPointer, length?: number | bigint): ArrayBuffer } & Member<'view'>;

interface Additions {
  alloc: typeof alloc;
  as: typeof as;
  free: typeof free;
  inout: typeof inout;
  load: typeof load;
  out: typeof out;
  owned: typeof owned;
  register: typeof register;
  unregister: typeof unregister;
  view: typeof view;
  withOwnership: typeof withOwnership;
}

/** All that `require()` or `import` finds in a Koffi. */
type Exports<K> = K extends { default: infer D } ? D & Omit<K, 'default' | keyof D> : K;

/** The type of `K`, a Koffi, with ownership. */
export type WithOwnership<K> = Omit<Exports<K>, keyof Additions> & Additions;

/**
 * Puts ownership into a Koffi that you have already: another copy, or one that is required in another way. Returns a
 * new object, the same one for the same Koffi; `koffi` itself is not changed.
 *
 * @throws `ERR_TALLY_INVALID_ARG_TYPE` for what is no Koffi.
 *
 * @example
 * ```js
 * const koffi = withOwnership(require('koffi'));
 * ```
 */
export function withOwnership<K extends Pick<typeof Koffi, 'load' | 'pointer'>>(koffi: K): WithOwnership<K>;

declare const koffi: WithOwnership<typeof Koffi>;
export default koffi;
