import { expectTypeOf } from 'expect-type';
import ffi = require('ffi-tally/node-ffi');
import { dlopen, owned } from 'ffi-tally/node-ffi';
import type { TrackedPointer } from 'ffi-tally';

expectTypeOf(ffi.dlopen).toEqualTypeOf(dlopen);

const Block = owned('Block', { free: 'free', size: 'malloc' });
const { functions } = dlopen(null, { malloc: { arguments: ['uint64'], return: Block } });
expectTypeOf(functions.malloc(10)).toEqualTypeOf<TrackedPointer<'Block'> | null>();
