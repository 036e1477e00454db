// Signatures read from prototypes. What the types promise about values is what test/ffi/koffi/signature.test.js sees at run time.
import { expectTypeOf } from 'expect-type';
import type { TrackedPointer } from 'ffi-tally';
import koffi, { load } from 'ffi-tally/koffi';
import type { KoffiFunc, Misspelt, Out, Signature, StringArgument } from 'ffi-tally/koffi';

declare global {
  namespace FfiTally {
    interface OwnedTypes {
      EsmImage: 'EsmPicture *';
      EsmSound: 'const EsmAudio*';
      EsmBlock: 'void *';
      EsmText: 'char *';
      EsmList: 'char **';
      EsmBytes: 'uint8 *';
    }
  }
}

type Image = TrackedPointer<'EsmImage'>;
declare const lib: ReturnType<typeof load>;
declare const image: Image;
declare const sound: TrackedPointer<'EsmSound'>;
declare const block: TrackedPointer<'EsmBlock'>;
declare const mine: TrackedPointer<'mine'>;
declare const some: TrackedPointer;
declare const definition: string;

// Numbers.
expectTypeOf(lib.func('int abs(int x)')).toEqualTypeOf<KoffiFunc<(x: number) => number>>();
expectTypeOf(lib.func('double pow(double, float y);')).toEqualTypeOf<
  KoffiFunc<(x: number, y: number) => number>
>();
expectTypeOf<Signature<'bool f(bool on)'>>().toEqualTypeOf<(on: boolean) => boolean>();
expectTypeOf<Signature<'void f(void)'>>().toEqualTypeOf<() => void>();
expectTypeOf<Signature<'void f()'>>().toEqualTypeOf<() => void>();
expectTypeOf<Signature<'size_t f(int64_t a, unsigned long long b)'>>().toEqualTypeOf<
  (a: number | bigint, b: number | bigint) => number | bigint
>();
expectTypeOf<Signature<'uint16_le_t f(uint8 a, unsigned char b, uint32_be c)'>>().toEqualTypeOf<
  (a: number, b: number, c: number) => number
>();
expectTypeOf<Signature<'unsigned int f(long a, unsigned short)'>>().toEqualTypeOf<
  (a: number | bigint, b: number) => number
>();

// Spelling: spaces, qualifiers, conventions, no names, the end.
expectTypeOf<Signature<'unsigned  long\n\tlong f ( const  int\tx ,\r\n  int ) ; '>>().toEqualTypeOf<
  (x: number, y: number) => number | bigint
>();
expectTypeOf<Signature<'int __stdcall f(int)'>>().toEqualTypeOf<(x: number) => number>();
expectTypeOf<Signature<'const char * __fastcall f(_In_ int x)'>>().toEqualTypeOf<
  (x: number) => string | null
>();

// Strings.
expectTypeOf<Signature<'const char *getenv(const char *name)'>>().toEqualTypeOf<
  (name: StringArgument) => string | null
>();
expectTypeOf<
  Signature<'char const *f(char const *const a, EsmPicture const*b, int const c)'>
>().toEqualTypeOf<Signature<'char *f(char *a, EsmPicture *b, int c)'>>();
expectTypeOf<Signature<'str f(string a, char16_t*b, wchar_t * const c)'>>().toEqualTypeOf<
  (a: StringArgument, b: StringArgument, c: StringArgument) => string | null
>();
expectTypeOf<Signature<'char *! f(str16 x)'>>().toEqualTypeOf<(x: StringArgument) => string | null>();
expectTypeOf<Signature<'str! f()'>>().toEqualTypeOf<() => string | null>();
expectTypeOf<'a' | null | Buffer | ArrayBuffer | bigint>().toExtend<StringArgument>();
expectTypeOf<number>().not.toExtend<StringArgument>();

// Pointers.
const read = lib.func('void *read(void *to, const EsmPicture *from, int *counts, char **names)');
expectTypeOf(read).returns.toEqualTypeOf<bigint | null>();
read(1n, 1n, 1n, 1n);
read(null, null, null, null);
read(new Uint8Array(1), { width: 1 }, [1, 2], ['a']);
read(new ArrayBuffer(1), new DataView(new ArrayBuffer(1)), new Int32Array(1), koffi.as(['a'], 'char **'));
read('text', () => 0, block, block);
read(sound, image, mine, mine);
// @ts-expect-error -- that points to EsmPicture
read(null, null, image, null);
// @ts-expect-error -- that points to EsmPicture
read(null, null, null, image);
// @ts-expect-error -- an address is a bigint
read(1, null, null, null);
// @ts-expect-error -- numbers, not strings
read(null, null, ['a'], null);
// @ts-expect-error -- no values where characters are not meant
read(null, null, 'a', null);
// @ts-expect-error -- a boolean is no pointer
read(null, false, null, null);
// @ts-expect-error -- all arguments
read(null, null, null);

// A tracked pointer goes where its pointee fits; so does one whose pointee nobody has declared.
const show = lib.func('int show(EsmPicture *picture)');
show(image);
show(block);
show(mine);
show(some);
// @ts-expect-error -- that points to EsmAudio
show(sound);
lib.func('int play(EsmAudio *audio)')(sound);
lib.func('int any(const void *pointer)')(sound);
lib.func('int other(Undeclared *pointer)')(mine);
// @ts-expect-error -- that points to EsmAudio
lib.func('int other(Undeclared *pointer)')(sound);

// Owned types: C gives, C takes, C gives through a pointer.
expectTypeOf(lib.func('EsmImage create(int w, int h)')).toEqualTypeOf<
  KoffiFunc<(w: number, h: number) => Image | null>
>();
expectTypeOf<Signature<'const EsmImage f()'>>().toEqualTypeOf<() => Image | null>();
expectTypeOf<Signature<'EsmText f()'>>().toEqualTypeOf<() => string | null>();
const destroy = lib.func('void destroy(EsmImage image)');
destroy(image);
destroy(1n);
destroy(null);
// @ts-expect-error -- another owned type
destroy(sound);
// @ts-expect-error -- C takes what is known to be an EsmImage only
destroy(block);
const place: [Image | null] = [null];
lib.func('int open(_Out_ EsmImage *image, _Out_ int *count)')(place, [0]);
lib.func('int replace(_Inout_ EsmImage *image, _Inout_ char *text)')(place, ['\0\0']);
lib.func('int raw(_Out_ Undeclared **pointer, _Out_ Struct *struct)')([null], {});
// @ts-expect-error -- a place, not a pointer
lib.func('int open(_Out_ EsmImage *image)')(image);
// @ts-expect-error -- a place for another type
lib.func('int open(_Out_ EsmSound *sound)')(place);
// @ts-expect-error -- C cannot fill a string
lib.func('int fill(_Out_ char *text)')('text');

// Memory of C is filled where it is.
lib.func('int fill(_Out_ void *data)')(block);
lib.func('int fill(_Out_ int *data, _Inout_ EsmPicture *picture)')(block, image);
lib.func('int swap(_Inout_ EsmPicture **pictures)')([image, null]);
// @ts-expect-error -- not that of something else
lib.func('int fill(_Inout_ EsmTune *tune)')(image);
// @ts-expect-error -- nor write where nothing may be written
lib.func('int fill(_Out_ int *data)')([1] as readonly number[]);
lib.func('int fill(_Out_ int *a, _Inout_ uint8_t *b, _Out_ char *c)')(
  [0],
  new Uint8Array(1),
  Buffer.alloc(1),
);

// The idiom: a place of its own, and what is in it afterwards.
const out: Out<Image> = [null];
lib.func('int open(_Out_ EsmImage *image)')(out);
expectTypeOf(out[0]).toEqualTypeOf<Image | null>();
const counted: Out<number> = [null];
lib.func('int count(_Out_ int *count, _Out_ char **text, _Out_ void **data)')(
  counted,
  [null] as Out<string>,
  [null] as Out<bigint>,
);

// SQLITE_TRANSIENT is an address.
lib.func('int sqlite3_bind_text(sqlite3_stmt *s, int i, const char *text, int n, void *destroy)')(
  1n,
  1,
  '',
  0,
  -1,
);
// @ts-expect-error -- other numbers are a mistake
lib.func('int f(void *data)')(7);

// Misspelt names of owned types; what is like none of them, or very short, may be anything.
expectTypeOf<Signature<'EsmImgae f()'>>().toEqualTypeOf<() => Misspelt<'EsmImgae', 'EsmImage'>>();
expectTypeOf<Signature<'EsmImages f()'>>().toEqualTypeOf<() => Misspelt<'EsmImages', 'EsmImage'>>();
expectTypeOf<Signature<'esmImage f()'>>().toEqualTypeOf<() => Misspelt<'esmImage', 'EsmImage'>>();
expectTypeOf<Signature<'EsmIage f()'>>().toEqualTypeOf<() => Misspelt<'EsmIage', 'EsmImage'>>();
expectTypeOf<Signature<'EsnImage f()'>>().toEqualTypeOf<() => Misspelt<'EsnImage', 'EsmImage'>>();
expectTypeOf<Signature<'EsmImageList f()'>>().toEqualTypeOf<() => any>();
expectTypeOf<Signature<'Ems f(EsmPicture picture)'>>().toEqualTypeOf<(picture: any) => any>();
// @ts-expect-error -- EsmImage is meant
lib.func('void destroy(EsmImagee image)')(image);
// @ts-expect-error -- EsmImage is meant
lib.func('int open(_Out_ EsmImgae *image)')([null]);
// @ts-expect-error -- EsmImage is meant
show(lib.func('EsmImgae create()')());
// @ts-expect-error -- EsmImage is meant
koffi.owned('EsmImgae', 'EsmPicture *', { free: null, size: 1 });

// C leaves a pointer to characters: Koffi makes a string of it.
const text: [string | null] = [null];
lib.func('int message(_Out_ char **text, _Inout_ const char16_t *const *more)')(text, text);
lib.func('int message(_Out_ str *text, _Out_ EsmText *owned)')(text, text);
lib.func('message', 'int', [koffi.out('char **'), koffi.out('EsmText *')])(text, text);
lib.func('int messages(_Out_ char ***texts, _Out_ void **data)')([1n], [1n]);
// @ts-expect-error -- no address
lib.func('int message(_Out_ char **text)')([1n]);

// What is only filled need not be there before.
const counts: [number | null, number | null] = [null, null];
lib.func('int count(_Out_ int *counts)')(counts);
lib.func('count', 'int', [koffi.out('int64_t *')])([null]);
// @ts-expect-error -- what C reads must be
lib.func('int count(_Inout_ int *counts)')([null]);
// @ts-expect-error -- what C reads must be
lib.func('count', 'int', [koffi.inout('int *')])([null]);

// Memory of a known type, and memory.
const fill = lib.func('int fill(int *numbers, int8_t *bytes, char *text)');
fill(block, block, 'text');
fill(mine, 'text', koffi.as('text', 'char *'));
// @ts-expect-error -- that points to EsmPicture
fill(image, null, null);
// @ts-expect-error -- nor are those bytes that a string could be
lib.func('int fill(uint8_t *bytes)')('text');
declare const list: TrackedPointer<'EsmList'>;
lib.func('int sort(char **list, char ***lists)')(list, list);
lib.func('int sort(const char *const *list)')(list);
declare const bytes: TrackedPointer<'EsmBytes'>;
lib.func('int sum(uint8_t *a, uint8 *b, unsigned char *c)')(bytes, bytes, bytes);
lib.func('char *strsep(_Inout_ char **text, const char *separators)')([1n], ',');
// A name that only looks like a direction.
lib.func('int show(_gtk_ *widget)')(mine);

// Asynchronous calls.
lib.func('EsmImage create(int w, int h)').async(1, 2, (_error, result) => {
  expectTypeOf(result).toEqualTypeOf<Image | null>();
});
// @ts-expect-error -- two numbers
lib.func('EsmImage create(int w, int h)').async(1, () => {});

// Variadic functions: a type and a value for each further argument.
const printf = lib.func('int printf(const char *format, ...)');
expectTypeOf(printf).toEqualTypeOf<KoffiFunc<(format: StringArgument, ...rest: any[]) => number>>();
printf('%d %s', 'int', 1, 'str', 'a');
printf.async('%d', 'int', 1, (_error, result) => expectTypeOf(result).toEqualTypeOf<number>());

// What is not known is any, and nothing is an error.
expectTypeOf<Signature<'Status f(Status s, struct Point p, int x)'>>().toEqualTypeOf<
  (s: any, p: any, x: number) => any
>();
expectTypeOf<Signature<'int f(int (*callback)(int))'>>().toEqualTypeOf<(...args: any[]) => any>();
expectTypeOf<Signature<'int f(int x[4])'>>().toEqualTypeOf<(...args: any[]) => any>();
expectTypeOf<Signature<`int f(${string})`>>().toEqualTypeOf<(...args: any[]) => any>();
expectTypeOf<Signature<`${string} *f(int a, int b)`>>().toEqualTypeOf<(...args: any[]) => any>();
expectTypeOf(lib.func(`void *f(int a, ${definition})`)).toEqualTypeOf<KoffiFunc<(...args: any[]) => any>>();
expectTypeOf(lib.func(`void *${definition}(int a)`, { free: 'free', size: 1 })).toEqualTypeOf<
  KoffiFunc<(...args: any[]) => any>
>();
expectTypeOf<Signature<'nonsense'>>().toEqualTypeOf<(...args: any[]) => any>();
expectTypeOf<Signature<''>>().toEqualTypeOf<(...args: any[]) => any>();
expectTypeOf<Signature<string>>().toEqualTypeOf<(...args: any[]) => any>();
expectTypeOf(lib.func(definition)).toEqualTypeOf<KoffiFunc<(...args: any[]) => any>>();

// The caller knows better.
expectTypeOf(lib.func<(a: 1) => 2>('int f(int a)')).toEqualTypeOf<KoffiFunc<(a: 1) => 2>>();
expectTypeOf(lib.func<(a: 1) => 2>('f', 'int', ['int'])).toEqualTypeOf<KoffiFunc<(a: 1) => 2>>();

// Options that give the result an owner: a label as stats() has it.
const copy = lib.func('void *memdup(const void *from, size_t size)', { free: 'free', size: (_, __, n) => n });
expectTypeOf(copy(null, 1)).toEqualTypeOf<TrackedPointer<'memdup()'> | null>();
const row = lib.func('uint8_t * __stdcall row(EsmPicture *picture, int y)', { keeps: 0 });
expectTypeOf(row(image, 1)).toEqualTypeOf<TrackedPointer<'row()'> | null>();
expectTypeOf(lib.func('EsmImage f()', { keeps: 0 })()).toEqualTypeOf<Image | null>();
expectTypeOf(
  lib.func('uint8_t *row(EsmPicture *a, EsmPicture *b)', { keeps: { result: [0, 1], 0: 1 } })(image, image),
).toEqualTypeOf<TrackedPointer<'row()'> | null>();
expectTypeOf(
  lib.func('int set(EsmPicture *a, int n, void *b)', { keeps: { 0: [2] }, replaces: 1 })(image, 1, null),
).toEqualTypeOf<number>();
expectTypeOf(
  lib.func('int set(void *b)', { keeps: { forever: 0 }, replaces: true })(null),
).toEqualTypeOf<number>();
expectTypeOf(
  lib.func('Status *f()', { size: 1, free: null })(),
).toEqualTypeOf<TrackedPointer<'f()'> | null>();
expectTypeOf(lib.func('int grow(EsmPicture *p)', { resizes: 0 })(image)).toEqualTypeOf<number>();
expectTypeOf(lib.func('Status f()', { free: null })()).toBeAny();
expectTypeOf(lib.func('EsmImage f(int id)', { gives: (address: bigint, id) => id > 0 })(1)).toEqualTypeOf<
  Image | bigint | null
>();
expectTypeOf(lib.func('int f(_Out_ EsmImage *out)', { gives: (code) => code === 0 })([null])).toBeNumber();
// @ts-expect-error -- no such option
lib.func('void *f()', { free: 'free', siez: 1 });

// As long as Koffi allows.
type Ints8 = 'int a, int b, int c, int d, int e, int f, int g, int h';
type Ints32 = `${Ints8}, ${Ints8}, ${Ints8}, ${Ints8}`;
expectTypeOf<Parameters<Signature<`int f(${Ints32}, ${Ints32})`>>['length']>().toEqualTypeOf<64>();
expectTypeOf<Parameters<Signature<`int f(${Ints32},\n            ${Ints32})`>>[63]>().toEqualTypeOf<number>();

// The classic form.
expectTypeOf(lib.func('abs', 'int', ['int'])).toEqualTypeOf<KoffiFunc<(x: number) => number>>();
expectTypeOf(lib.func('__cdecl', 'abs', 'int', ['int'])).toEqualTypeOf<KoffiFunc<(x: number) => number>>();
expectTypeOf(lib.func(12, 'const char *', [])).toEqualTypeOf<KoffiFunc<() => string | null>>();
expectTypeOf(lib.func('f', 'EsmImage', ['unsigned long long', '...'])).toEqualTypeOf<
  KoffiFunc<(x: number | bigint, ...rest: any[]) => Image | null>
>();
const picture = koffi.owned('EsmImage', 'EsmPicture *', { free: null, size: 1 });
expectTypeOf(lib.func('create', picture, ['int'])).toEqualTypeOf<KoffiFunc<(w: number) => Image | null>>();
lib.func('destroy', 'void', [picture])(image);
// @ts-expect-error -- another owned type
lib.func('destroy', 'void', [picture])(sound);
lib.func('open', 'int', [koffi.out('EsmImage *'), koffi.inout('int *')])(place, [1]);
// @ts-expect-error -- a place, not a pointer
lib.func('open', 'int', [koffi.out('EsmImage *')])(image);
lib.func('f', koffi.types.int, [koffi.out(koffi.pointer('int'))])([1]);
expectTypeOf(lib.func('f', koffi.types.int, [koffi.types.int])).toEqualTypeOf<KoffiFunc<(x: any) => any>>();
expectTypeOf(
  lib.func('memdup', 'void *', ['void *'], { free: 'free', size: 1 })(null),
).toEqualTypeOf<TrackedPointer<'memdup()'> | null>();
expectTypeOf(
  lib.func('__stdcall', 'memdup', 'void *', [], { free: 'free', size: 1 })(),
).toEqualTypeOf<TrackedPointer<'memdup()'> | null>();
declare const types: string[];
expectTypeOf(lib.func('f', definition, types)).toEqualTypeOf<KoffiFunc<(...args: any[]) => any>>();
expectTypeOf(lib.func('f', `${definition} *`, [`${definition} *`])).toEqualTypeOf<
  KoffiFunc<(x: any) => any>
>();

// A name that is declared must be declared so.
koffi.owned('EsmImage', koffi.pointer('EsmPicture'), { free: null, size: 1 });
// @ts-expect-error -- it says 'EsmPicture *'
koffi.owned('EsmImage', 'EsmAudio *', { free: null, size: 1 });
