import { expectTypeOf } from 'expect-type';
import koffi = require('ffi-tally/koffi');
import byDefault, { load, owned } from 'ffi-tally/koffi';
import type { TrackedPointer } from 'ffi-tally';

expectTypeOf(koffi.load).toEqualTypeOf(load);
expectTypeOf(byDefault.load).toEqualTypeOf(load);
expectTypeOf(koffi.struct).toEqualTypeOf(byDefault.struct);

const image = owned('OwnedImage', 'gdImage *', { free: 'gdImageDestroy', size: 1 });
const create = koffi.load(null).func('gdImageCreateTrueColor', image, ['int', 'int']);
expectTypeOf(create(1, 2)).toEqualTypeOf<TrackedPointer<'OwnedImage'> | null>();
