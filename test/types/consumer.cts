// What a user's first program needs of the typings, and nothing that their set-up may lack.
import tally, { track, type TrackedPointer } from 'ffi-tally';
import koffi, { load, struct, type KoffiFunc, type LibraryHandle } from 'ffi-tally/koffi';

const pointer: TrackedPointer<'block'> = track(1n, { size: 1, free: null, label: 'block' });
pointer.dispose();
tally.collect();

const lib: LibraryHandle = load('libc.so.6');
const abs: KoffiFunc<(x: number) => number> = lib.func('int abs(int x)');
const result: number = abs(1);
const owned = koffi.owned('Block', 'void *', { free: 'free', size: 'malloc' });
const block: TrackedPointer<'Block'> | null = lib.func('malloc', owned, ['size_t'])(result);
koffi.sizeof(struct('Point', { x: 'int' }));
koffi.free(block);
