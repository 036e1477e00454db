import { expectTypeOf } from 'expect-type';
import koffi = require('ffi-tally/koffi');
import type { TrackedPointer } from 'ffi-tally';

declare global {
  namespace FfiTally {
    interface OwnedTypes {
      CommonImage: 'CommonPicture *';
    }
  }
}

declare const sound: TrackedPointer<'EsmSound'>;

const lib = koffi.load('libimage.so');
const create = lib.func('CommonImage create(int w, int h)');
expectTypeOf(create).returns.toEqualTypeOf<TrackedPointer<'CommonImage'> | null>();
expectTypeOf(create).parameters.toEqualTypeOf<[w: number, h: number]>();
const show = lib.func('int show(CommonPicture *picture)');
show(create(1, 2));
// @ts-expect-error -- that points to EsmAudio
show(sound);
expectTypeOf(lib.func('show', 'int', ['CommonImage'])(null)).toEqualTypeOf<number>();
