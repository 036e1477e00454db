import { expectTypeOf } from 'expect-type';
import { TrackedPointer } from 'ffi-tally';
import ffi, { dlopen, owned } from 'ffi-tally/node-ffi';
import type { DynamicLibrary, OwnedType } from 'ffi-tally/node-ffi';

const Image = owned('Image', { free: 'gdImageDestroy', size: (_, w: number, h: number) => 4 * w * h });
const Font = owned('Font', { free: 1n, size: 'malloc' });
expectTypeOf(Image).toEqualTypeOf<OwnedType<'Image'>>();
expectTypeOf(ffi.owned).toEqualTypeOf(owned);
// @ts-expect-error -- ownership is not guessed
owned('Lost', { size: 1 });
owned('Counted', { free: null });
// @ts-expect-error -- no such option
owned('Lost', { free: null, keeps: 0 });

const { lib, functions } = dlopen('libgd.so.3', {
  abs: { arguments: ['int32'], return: 'int32' },
  labs: { arguments: ['i64'], return: 'int64' },
  nothing: {},
  create: { arguments: ['int32', 'int32'], return: Image },
  pixel: { arguments: [Image.borrowed, 'int32', 'int32'], return: 'int32' },
  draw: { arguments: ['pointer', 'string'], return: 'void' },
  destroy: { arguments: [Image] },
  open: { arguments: [Image.out, Font.inout], return: 'int32' },
  inside: { arguments: [Image.borrowed], return: 'pointer', keeps: 0 },
  both: { arguments: ['pointer', 'buffer'], return: 'pointer', keeps: { result: [0, 1] } },
  set: { arguments: [Image.borrowed, 'buffer'], return: 'int32', keeps: { 0: 1 }, replaces: true },
  copy: { arguments: ['string'], return: 'pointer', free: 'free', size: 'malloc' },
  plain: { arguments: ['string'], return: 'string' },
});
expectTypeOf(lib).toEqualTypeOf<DynamicLibrary>();
expectTypeOf(functions.abs(1)).toEqualTypeOf<number>();
expectTypeOf(functions.abs).parameters.toEqualTypeOf<[number]>();
expectTypeOf(functions.abs.pointer).toEqualTypeOf<bigint>();
expectTypeOf(functions.labs).parameters.toEqualTypeOf<[bigint | number]>();
expectTypeOf(functions.labs(1)).toEqualTypeOf<bigint>();
expectTypeOf(functions.nothing()).toEqualTypeOf<undefined>();

const image = functions.create(1, 2);
expectTypeOf(image).toEqualTypeOf<TrackedPointer<'Image'> | null>();
expectTypeOf(functions.pixel(image, 0, 0)).toEqualTypeOf<number>();
functions.pixel(1n, 0, 0);
functions.draw(image, 'text');
functions.draw(new Uint8Array(1), null);
functions.destroy(image);

declare const font: TrackedPointer<'Font'>;
// @ts-expect-error -- no image
functions.pixel(font, 0, 0);
// @ts-expect-error -- no image
functions.destroy(font);
functions.open([null], [font]);
// @ts-expect-error -- no font
functions.open([null], [image]);
// @ts-expect-error -- no such function
functions.close;
// @ts-expect-error -- one argument
functions.abs();

expectTypeOf(functions.both(1n, null)).toEqualTypeOf<TrackedPointer<'both()'> | null>();
expectTypeOf(functions.set(image, new Uint8Array(1))).toEqualTypeOf<number>();
const inside = functions.inside(image);
expectTypeOf(inside).toEqualTypeOf<TrackedPointer<'inside()'> | null>();
functions.pixel(inside, 0, 0);
expectTypeOf(functions.copy('text')).toEqualTypeOf<TrackedPointer<'copy()'> | null>();
expectTypeOf(functions.plain('text')).toEqualTypeOf<bigint>();

// @ts-expect-error -- no such type
lib.getFunction('abs', { arguments: ['int'] });
// @ts-expect-error -- a result is given, not lent
lib.getFunction('abs', { return: Image.borrowed });
expectTypeOf(lib.getFunction('abs', { return: 'uint8' })()).toEqualTypeOf<number>();
expectTypeOf(
  lib.getFunctions({ abs: { return: Font } }).abs(),
).toEqualTypeOf<TrackedPointer<'Font'> | null>();

expectTypeOf(ffi.toString(font)).toEqualTypeOf<string | null>();
expectTypeOf(ffi.toArrayBuffer(font, 8, false)).toEqualTypeOf<ArrayBuffer>();
ffi.setInt32(font, 0, 1);
// @ts-expect-error -- a callback owns nothing
lib.registerCallback({ arguments: [Image] }, () => {});
