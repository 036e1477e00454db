import { expectTypeOf } from 'expect-type';
import tally = require('ffi-tally');
import byDefault, { TrackedPointer, track } from 'ffi-tally';

declare const address: bigint;

expectTypeOf(tally.track).toEqualTypeOf(track);
expectTypeOf(byDefault.track).toEqualTypeOf(track);
expectTypeOf(tally.track(address, { size: 1, free: null, label: 'a' })).toEqualTypeOf<TrackedPointer<'a'>>();
expectTypeOf(tally.POINTER).toEqualTypeOf<typeof byDefault.POINTER>();
