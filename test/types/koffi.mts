import { expectTypeOf } from 'expect-type';
import { POINTER, SIZE, TrackedPointer, track } from 'ffi-tally';
import original from 'koffi';
import koffi, { load, owned, struct, withOwnership } from 'ffi-tally/koffi';
import type { KoffiFunc, LibraryHandle, OwnedTypeObject, Pointer, TypeSpecifier } from 'ffi-tally/koffi';

// Everything of Koffi is here, by name and in the default export.
expectTypeOf(struct).toEqualTypeOf(original.struct);
expectTypeOf(koffi.struct).toEqualTypeOf(original.struct);
expectTypeOf<Exclude<keyof typeof original, keyof typeof koffi>>().toEqualTypeOf<never>();
expectTypeOf<
  Exclude<keyof typeof import('koffi'), keyof typeof import('ffi-tally/koffi')>
>().toEqualTypeOf<never>();
expectTypeOf(koffi.load).toEqualTypeOf(load);
expectTypeOf(withOwnership(original).load).toEqualTypeOf(load);
// @ts-expect-error -- that is no Koffi
withOwnership({});

// What takes a library of Koffi takes ours.
const lib = load('libgd.so.3', { lazy: true });
expectTypeOf(lib).toEqualTypeOf<LibraryHandle>();
expectTypeOf(lib).toExtend<ReturnType<typeof original.load>>();
load(null);

// owned()
const image = owned('OwnedImage', 'gdImage *', { free: 'gdImageDestroy', size: (_, w, h) => 4 * w * h });
expectTypeOf(image).toEqualTypeOf<OwnedTypeObject<'OwnedImage'>>();
expectTypeOf(image).toExtend<TypeSpecifier>();
koffi.sizeof(image);
owned('Map', 'void *', { free: { symbol: 'munmap', args: [POINTER, SIZE] }, size: 4096n });
owned('List', 'void *', {
  free: { symbol: 'free_list', args: [POINTER, (_address, count) => count] },
  size: 8,
});
owned('Block', koffi.pointer('void'), { free: 1n, size: 'malloc', parent: 0, shared: true, invalid: -1n });
owned('Row', 'Row *', { free: null, parent: (_address, table) => table });
owned('Set', 'Set *', {
  free: (address) => expectTypeOf(address).toEqualTypeOf<bigint>(),
  size: 'set_bytes',
});
owned('Handle', 'int', { free: 'close', invalid: [-1, 0], most: 200 });
// @ts-expect-error -- ownership is not guessed
owned('Lost', 'Lost *', { size: 1 });
// @ts-expect-error -- no such option
owned('Lost', 'Lost *', { free: null, keeps: 0 });

// A string type stays one.
const text = owned('HeapStr', 'char *', { free: 'free' });
expectTypeOf(text).toEqualTypeOf<ReturnType<typeof original.opaque>>();

// lib.func(): what the caller says, or what the declaration says; more of that in signature.mts.

type Create = (width: number, height: number) => TrackedPointer<'OwnedImage'> | null;
const create = lib.func<Create>('OwnedImage gdImageCreateTrueColor(int width, int height)');
expectTypeOf(create(1, 2)).toEqualTypeOf<TrackedPointer<'OwnedImage'> | null>();
create.async(1, 2, (_error, result) => expectTypeOf(result).toEqualTypeOf<ReturnType<Create>>());
// @ts-expect-error -- two numbers
create(1);

const classic = lib.func('gdImageCreateTrueColor', image, ['int', 'int']);
expectTypeOf(classic(1, 2)).toEqualTypeOf<TrackedPointer<'OwnedImage'> | null>();
lib.func(12, 'int', ['int', koffi.out('int *')]);
expectTypeOf(lib.func('strdup', text, ['str'])('a')).toBeAny();

lib.func('void *strdup(const char *text)', { free: 'free', size: 'malloc' });
lib.func('uint8_t *row(Image *image, int y)', { keeps: 0 });
lib.func('grow', 'int', ['Buffer *', 'int'], { resizes: 0 });
lib.func('int open(_Out_ Db **db)', { gives: (code: number) => code === 0, takes: undefined });
expectTypeOf(
  lib.func('getcwd', 'void *', ['void *', 'size_t'], {
    free: 'free',
    size: 1,
    gives: (_, at) => at === null,
  }),
).returns.toEqualTypeOf<TrackedPointer<'getcwd()'> | Pointer | null>();
// @ts-expect-error -- no promise
lib.func('int put(OwnedImage image)', { takes: async () => true });
lib.func('__stdcall', 'grow', 'int', ['Buffer *', 'int'], { resizes: 0 });
// @ts-expect-error -- no such option
lib.func('void *f()', { frees: 'free' });
// @ts-expect-error -- the number of an argument
lib.func('void *f(void *x)', { keeps: 'x' });
// @ts-expect-error -- nobody of that name
lib.func('void *f(void *x)', { keeps: { library: 0 } });

// Memory and callbacks with an owner.
expectTypeOf(koffi.alloc('int', 4, { owned: true })).toEqualTypeOf<TrackedPointer<`alloc ${string}`>>();
expectTypeOf(koffi.alloc('int', 4)).toBeAny();
expectTypeOf(koffi.register(() => 1, 'F *', { owned: true })).toExtend<TrackedPointer>();
expectTypeOf(koffi.register(() => 1, 'F *')).toEqualTypeOf<ReturnType<typeof original.register>>();
koffi.unregister(koffi.register(() => 1, 'F *', { owned: true }));
koffi.unregister(koffi.register(() => 1, 'F *'));
expectTypeOf(koffi.view(track(1n, { size: 1, free: null }))).toEqualTypeOf<ArrayBuffer>();
expectTypeOf(koffi.view(1n, 4)).toEqualTypeOf<ArrayBuffer>();
// @ts-expect-error -- Koffi does not know how long
koffi.view(1n);
koffi.free(track(1n, { size: 1, free: null }));
