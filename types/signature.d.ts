/**
 * Signatures in TypeScript, read out of prototypes in C. For the compiler only: nothing of this exists when a program
 * runs.
 *
 * It reads as Koffi's own parser does: with stars, a type is all words before them; without, the words that are known,
 * and what follows is the parameter's name. A name known neither here nor in `FfiTally.OwnedTypes` is `any`, and so is a
 * prototype that cannot be read, or of which a part is known only when the program runs.
 *
 * @packageDocumentation
 */

import type { as, opaque, out, register, sizeof } from 'koffi' with { 'resolution-mode': 'import' };
import type {
  IntegerSpelling,
  NativeAddress,
  NativeExternal,
  OwnedInteger,
  PointerTo,
  TrackedPointer,
  Untracked,
} from './index.js';

// Without this, everything below would be exported.
export {};

type OwnedTypes = FfiTally.OwnedTypes;

declare const ownedName: unique symbol;
declare const place: unique symbol;
declare const misspelt: unique symbol;

/** A pointer as the installed Koffi returns it: a `bigint` or, from Koffi 2, an External. */
export type Pointer = bigint extends ReturnType<typeof register> ? bigint : NativeExternal;

/** An integer of 64 bits: Koffi takes either, and gives a `number` if it is a safe integer. */
export type Integer64 = number | bigint;

/** Whatever names a type to Koffi: its name or its type object. */
export type TypeSpecifier = Parameters<typeof sizeof>[0];

/** What `koffi.owned()` returns: a type object of Koffi that stands for the owned type `Name`. */
export type OwnedTypeObject<Name extends string = string> = ReturnType<typeof opaque> & {
  readonly [ownedName]: Name;
};

/** What `koffi.out()` and `koffi.inout()` make of a type that is given by name. */
export interface Directed<Name extends string = string, Empty extends null = null> extends DirectionMarker {
  readonly [place]: [name: Name, empty: Empty];
}

/** What `koffi.out()` and `koffi.inout()` return. */
export interface DirectionMarker extends ReturnType<typeof out> {}

/** The types that have a value, by all of their names. Where `long` has 32 bits it is always a `number`. */
interface Scalars
  extends
    Record<'bool', boolean>,
    Record<'float' | 'float32' | 'double' | 'float64', number>,
    Record<'char' | 'uchar' | 'unsigned char' | 'int8' | 'int8_t' | 'uint8' | 'uint8_t', number>,
    Record<'char16' | 'char16_t' | 'char32' | 'char32_t' | 'wchar' | 'wchar_t', number>,
    Record<'short' | 'ushort' | 'unsigned short' | 'int' | 'uint' | 'unsigned int', number>,
    Record<`${'' | 'u'}int${16 | 32}${'' | '_le' | '_be'}${'' | '_t'}`, number>,
    Record<`${'' | 'u'}int${64}${'' | '_le' | '_be'}${'' | '_t'}`, Integer64>,
    Record<`${'' | 'u'}intptr${'' | '_t'}` | 'size_t', Integer64>,
    Record<'long' | 'ulong' | 'unsigned long', Integer64>,
    Record<'long long' | 'longlong' | 'unsigned long long' | 'ulonglong', Integer64> {}

/** Of these, those that are no integers, or those of a byte order. */
type NotInteger =
  | 'bool'
  | 'float'
  | 'float32'
  | 'double'
  | 'float64'
  | `${'' | 'u'}int${16 | 32 | 64}_${'le' | 'be'}${'' | '_t'}`;

/** What may be passed for an integer: `T`; and where `FfiTally.OwnedTypes` has an integer such as `File: 'int'`, a tracked one. */
export type IntegerArgument<T> = [Extract<OwnedTypes[keyof OwnedTypes], IntegerSpelling>] extends [never]
  ? T
  : T | PointerTo<OwnedInteger>;

/** What a pointer to it is a string for. */
type Character = 'char' | 'char16' | 'char16_t' | 'char32' | 'char32_t' | 'wchar' | 'wchar_t';

/** The same as `char`, so that a pointer to it takes a string too. */
type Signed8 = 'int8' | 'int8_t';

/** The names of such pointers. */
export type StringName = 'str' | 'str16' | 'str32' | 'string' | 'string16' | 'string32' | 'wstring';

/** What `koffi.as()` returns. */
export interface Cast extends ReturnType<typeof as> {}

/** What may be passed where C reads characters. Tracked pointers may not: Koffi would have to copy. */
export type StringArgument =
  string | NativeAddress | ArrayBuffer | ArrayBufferView | readonly string[] | Cast | null;

/** The names of the types of numbers. */
export type NumberName = keyof Scalars;

/** What may be passed where C reads numbers. Those have several names each, which only Koffi tells apart. */
export type NumbersArgument<T> =
  PointerTo<NumberName> | NativeAddress | ArrayBuffer | ArrayBufferView | readonly T[] | Cast | null;

/** What may be passed for a pointer to a struct, or to anything else that is not a number, with the name `Name`. */
export type PointerArgument<Name extends string> = PointerTo<Name> | NativeAddress | Untracked | null;

/** What may be passed for a `void *`. Some functions take -1 for an address: `SQLITE_TRANSIENT`, `MAP_FAILED`. */
export type AnyPointerArgument = PointerTo<any> | NativeAddress | Untracked | string | -1 | null;

/** What may be passed for a pointer to pointers, which have many spellings. */
export type PointersArgument =
  | PointerTo<`${string}*` | StringName>
  | NativeAddress
  | ArrayBuffer
  | ArrayBufferView
  | readonly any[]
  | Cast
  | null;

/** What C takes: the pointer ends in JavaScript. */
export type OwnedArgument<Name extends string> = TrackedPointer<Name> | NativeAddress | null;

/**
 * A place for what C gives through an `_Out_` parameter: `null` before the call.
 *
 * @example
 * ```ts
 * const place: Out<TrackedPointer<'Database'>> = [null];
 * open(':memory:', place);
 * const [database] = place;
 * ```
 */
export type Out<T> = [T | null];

/** A place that C fills with an owned pointer: `[null]`, or `[pointer]` for `_Inout_`. */
export type OwnedPlace<Name extends string> = (TrackedPointer<Name> | Pointer | null)[];

/** A place that C fills with a plain pointer: `[null]`, or `[pointer]` for `_Inout_`. */
export type PointerPlace<Empty extends null = null> = (
  Pointer | ([Empty] extends [never] ? PointerTo<any> : never) | null
)[];

/** A place that C fills with numbers. `[null]` will do where C does not read them. */
export type NumbersPlace<T, Empty extends null = null> =
  PointerTo<NumberName> | NativeAddress | ArrayBuffer | ArrayBufferView | (T | Empty)[] | Cast | null;

/** A place that C fills with a pointer to characters, of which Koffi makes a string; `_Inout_` takes an address too. */
export type StringPlace<Empty extends null = null> = (
  string | ([Empty] extends [never] ? Pointer : never) | null
)[];

/**
 * In place of a type that nobody has declared and whose name is like that of an owned one: nothing can be passed for it.
 * A name that is meant so is declared in `FfiTally.OwnedTypes`, or differs in more than one letter.
 */
export interface Misspelt<Name extends string, Meant extends string> extends PointerTo<`misspelt ${Name}`> {
  readonly [misspelt]: Meant;
}

// -- Text ---------------------------------------------------------------------------------------------------------------

/** `Text` in which white space is a single space. In large steps first: there is a limit to how deep types may go. */
type Tidy<Text extends string> = Text extends `${infer Before}\n${infer After}`
  ? Tidy<`${Before} ${After}`>
  : Text extends `${infer Before}\t${infer After}`
    ? Tidy<`${Before} ${After}`>
    : Text extends `${infer Before}\r${infer After}`
      ? Tidy<`${Before} ${After}`>
      : Text extends `${infer Before}        ${infer After}`
        ? Tidy<`${Before} ${After}`>
        : Text extends `${infer Before}  ${infer After}`
          ? Tidy<`${Before} ${After}`>
          : Text;

/** Tidy text without the space at its ends. */
type Trim<Text extends string> = Text extends ` ${infer Rest}`
  ? Trim<Rest>
  : Text extends `${infer Rest} `
    ? Rest
    : Text;

/** The type in tidy text without stars, where its name may follow. */
type Leading<Text extends string> = Text extends `const ${infer Rest}`
  ? Leading<Rest>
  : Text extends `unsigned ${infer Rest}`
    ? `unsigned ${Leading<Rest>}`
    : Text extends `long long${string}`
      ? 'long long'
      : Text extends `${infer First} ${string}`
        ? First
        : Text;

/** The type before the stars. */
type Pointed<Text extends string> = Text extends `const ${infer Rest}`
  ? Pointed<Rest>
  : Text extends `${infer Rest} const` | `${infer Rest} const `
    ? Rest
    : Text extends `${infer Rest} `
      ? Rest
      : Text;

/** The name at the end of tidy text. */
type Last<Text extends string> = Text extends `${string} ${infer Rest}`
  ? Last<Rest>
  : Text extends `${string}*${infer Rest}`
    ? Last<Rest>
    : Text;

// -- Parameters ---------------------------------------------------------------------------------------------------------

/** What may be passed for a parameter, or for a type, that is written like this in tidy text. */
type Argument<Text extends string> = Text extends `_In_ ${infer Rest}`
  ? In<Rest>
  : Text extends `_Out_ ${infer Rest}`
    ? Filled<Rest, null>
    : Text extends `_Inout_ ${infer Rest}`
      ? Filled<Rest, never>
      : In<Text>;

type In<Text extends string> = Text extends `${infer Type}*${infer Rest}`
  ? Rest extends `${string}*${string}`
    ? PointersArgument
    : InTo<Pointed<Type>>
  : InValue<Leading<Text>>;

type InTo<Name extends string> = Name extends Character
  ? StringArgument
  : Name extends keyof Scalars
    ? NumbersArgument<Scalars[Name]> | (Name extends Signed8 ? string : never)
    : Name extends 'void'
      ? AnyPointerArgument
      : PointerArgument<Name>;

type InValue<Name extends string> = Name extends keyof Scalars
  ? Name extends NotInteger
    ? Scalars[Name]
    : IntegerArgument<Scalars[Name]>
  : Name extends StringName
    ? StringArgument
    : Name extends keyof OwnedTypes
      ? OwnedTypes[Name] extends StringSpelling
        ? StringArgument
        : OwnedArgument<Name>
      : Unknown<Name>;

/** How the type may be written of which an owned one is a string. */
type StringSpelling = `${'' | 'const '}${Character}${' ' | ''}*` | StringName;

/** What C fills, and reads before that unless `Empty` is `null`: what an array may hold that C only fills. */
type Filled<Text extends string, Empty extends null> = Text extends `${infer Type}*${infer Rest}`
  ? Rest extends `${string}*${infer More}`
    ? Pointed<Type> extends Character
      ? More extends `${string}*${string}`
        ? PointerPlace<Empty>
        : StringPlace<Empty>
      : PointerPlace<Empty>
    : FilledTo<Pointed<Type>, Empty>
  : any;

/** Koffi copies back into arrays and objects that it is given, which must be such as can be written to. */
type FilledTo<Name extends string, Empty extends null> = Name extends StringName
  ? StringPlace<Empty>
  : Name extends keyof OwnedTypes
    ? OwnedTypes[Name] extends StringSpelling
      ? StringPlace<Empty>
      : OwnedPlace<Name>
    : Name extends Character
      ? NativeAddress | ArrayBuffer | ArrayBufferView | string[] | null
      : Name extends keyof Scalars
        ? NumbersPlace<Scalars[Name], Empty>
        : NameLike<Name> extends infer Meant extends string
          ? [Meant] extends [never]
            ? PointerArgument<Name>
            : Misspelt<Name, Meant>
          : never;

/** The parameters in a list between parentheses. */
type Arguments<List extends string, Done extends unknown[] = []> = List extends `${infer First},${infer Rest}`
  ? Arguments<Rest, [...Done, Argument<Trim<First>>]>
  : Trim<List> extends infer Text extends string
    ? Text extends '...'
      ? [...Done, ...any[]]
      : Text extends '' | 'void'
        ? Done
        : [...Done, Argument<Text>]
    : never;

// -- Results ------------------------------------------------------------------------------------------------------------

/** What a function returns whose prototype begins like this, or whose result is a type that is written like this. */
type Result<Text extends string> = Text extends `${infer Type}!${string}`
  ? ResultOf<Trim<Type>>
  : ResultOf<Text>;

type ResultOf<Text extends string> = Text extends `${infer Type}*${infer Rest}`
  ? Rest extends `${string}*${string}`
    ? Pointer | null
    : Pointed<Type> extends Character
      ? string | null
      : Pointer | null
  : ResultValue<Leading<Text>>;

type ResultValue<Name extends string> = Name extends keyof Scalars
  ? Scalars[Name]
  : Name extends 'void'
    ? void
    : Name extends StringName
      ? string | null
      : Name extends keyof OwnedTypes
        ? OwnedTypes[Name] extends StringSpelling
          ? string | null
          : TrackedPointer<Name> | null
        : Unknown<Name>;

// -- Misspelt names -----------------------------------------------------------------------------------------------------

/** A struct, an enumeration, an alias: whatever Koffi takes. Where an owned type has nearly that name, that one is meant. */
type Unknown<Name extends string> =
  NameLike<Name> extends infer Meant extends string
    ? [Meant] extends [never]
      ? any
      : Misspelt<Name, Meant>
    : any;

/** The owned type whose name differs in one letter, in two that have changed places, or in what is a capital. */
type NameLike<Name extends string> = Name extends `${infer A}${infer B}${infer C}${infer D}${string}`
  ? {
      [Known in keyof OwnedTypes & string]: IsLike<Lowercase<Name>, Lowercase<Known>> extends true
        ? Known
        : never;
    }[keyof OwnedTypes & string]
  : never;

/** What may stand for the owned type `Name`: what is declared in `FfiTally.OwnedTypes`, if it is. */
export type OwnedSpecifier<Name extends string> = Name extends keyof OwnedTypes
  ? OwnedTypes[Name] | Exclude<TypeSpecifier, string>
  : NameLike<Name> extends infer Meant extends string
    ? [Meant] extends [never]
      ? TypeSpecifier
      : Misspelt<Name, Meant>
    : never;

type IsLike<A extends string, B extends string> = A extends B
  ? true
  : A extends `${infer X}${infer RestA}`
    ? B extends `${infer Y}${infer RestB}`
      ? X extends Y
        ? IsLike<RestA, RestB>
        : [RestA, RestA, A] extends [RestB, any, any] | [any, B, any] | [any, any, RestB]
          ? true
          : RestA extends `${Y}${infer AfterA}`
            ? RestB extends `${X}${AfterA}`
              ? true
              : false
            : false
      : RestA extends ''
        ? true
        : false
    : B extends `${any}${infer RestB}`
      ? RestB extends ''
        ? true
        : false
      : false;

// -- Functions ----------------------------------------------------------------------------------------------------------

export type AnyFunction = (...args: any[]) => any;

/** Whether a part of the text is known only when the program runs, as in `int f(${list})`. */
type IsOpen<Text extends string> = {} extends Record<Text, 1> ? true : false;

/** The signature of a function with that prototype. */
export type Signature<Prototype extends string> =
  IsOpen<Prototype> extends true ? AnyFunction : SignatureOf<Tidy<Prototype>>;

type SignatureOf<Prototype extends string> = Prototype extends `${infer Head}(${infer List})${infer Rest}`
  ? `${List}${Rest}` extends `${string}${'(' | '['}${string}`
    ? AnyFunction
    : (...args: Arguments<List>) => Result<Trim<Head>>
  : AnyFunction;

/** The same, where options of `lib.func()` make the result an owned one. */
export type OwningSignature<Prototype extends string> =
  IsOpen<Prototype> extends true
    ? AnyFunction
    : Tidy<Prototype> extends `${infer Head}(${string}`
      ? Own<Signature<Prototype>, Last<Trim<Head>>, Pointer | Integer64 | null>
      : AnyFunction;

/** A function whose result, where it is like `Plain`, is tracked under the name of the function. */
type Own<F extends AnyFunction, Name extends string, Plain> = F extends (...args: infer A) => infer R
  ? (...args: A) => Owned<R, Name, Plain>
  : never;

/** The same, where options say that the outcome decides. */
export type GivingSignature<Prototype extends string> =
  IsOpen<Prototype> extends true
    ? AnyFunction
    : Tidy<Prototype> extends `${infer Head}(${string}`
      ? Giving<Own<Signature<Prototype>, Last<Trim<Head>>, Pointer | null>>
      : AnyFunction;

/** A function whose result, where it is a tracked pointer, may be a plain one. */
type Giving<F extends AnyFunction> = F extends (...args: infer A) => infer R
  ? (...args: A) => Possibly<R>
  : never;

type Possibly<R> = 0 extends 1 & R ? R : [R] extends [TrackedPointer | null] ? R | Pointer : R;

/** `any` stays what it is: it may have an owned type already. */
type Owned<R, Name extends string, Plain> = 0 extends 1 & R
  ? R
  : [R] extends [Plain]
    ? TrackedPointer<`${Name}()`> | null
    : R;

// -- The classic form ---------------------------------------------------------------------------------------------------

type ClassicArgument<Type> = Type extends string
  ? IsOpen<Type> extends true
    ? any
    : Argument<Trim<Tidy<Type>>>
  : Type extends OwnedTypeObject<infer Name>
    ? OwnedArgument<Name>
    : Type extends Directed<infer Name, infer Empty>
      ? Filled<Trim<Tidy<Name>>, Empty>
      : any;

type ClassicResult<Type> = Type extends string
  ? IsOpen<Type> extends true
    ? any
    : Result<Trim<Tidy<Type>>>
  : Type extends OwnedTypeObject<infer Name>
    ? TrackedPointer<Name> | null
    : any;

type ClassicArguments<Types extends readonly unknown[]> = Types extends readonly [...infer Fixed, '...']
  ? [...ClassicArguments<Fixed>, ...any[]]
  : { -readonly [I in keyof Types]: ClassicArgument<Types[I]> };

/** The signature of a function with that result and these parameters. */
export type ClassicSignature<Type, Types extends readonly unknown[]> =
  ClassicArguments<Types> extends infer A extends unknown[] ? (...args: A) => ClassicResult<Type> : never;

/** The same, where options of `lib.func()` make the result an owned one. */
export type OwningClassicSignature<Name extends string, Type, Types extends readonly unknown[]> = Own<
  ClassicSignature<Type, Types>,
  Name,
  Pointer | Integer64 | null
>;

/** The same, where options say that the outcome decides. */
export type GivingClassicSignature<Name extends string, Type, Types extends readonly unknown[]> = Giving<
  Own<ClassicSignature<Type, Types>, Name, Pointer | null>
>;
