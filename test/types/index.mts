import { expectTypeOf } from 'expect-type';
import tally, {
  ADDRESS_OF,
  PARENT,
  POINTER,
  SIZE,
  TrackedPointer,
  collect,
  configure,
  gauge,
  handOver,
  memoryUsage,
  meteredAllocator,
  reportExternal,
  stats,
  takeOver,
  track,
} from 'ffi-tally';
import type { AccountStats, MeterStats, Settings, TallyError, TallyErrorCode } from 'ffi-tally';

declare const address: bigint;
declare const fromKoffi2: any;

// The two ways to import give the same things.
expectTypeOf(tally.track).toEqualTypeOf(track);
expectTypeOf(tally.TrackedPointer).toEqualTypeOf<typeof TrackedPointer>();

// track(): the label is part of the type.
const image = track(address, { size: 8, free: address, label: 'image' });
expectTypeOf(image).toEqualTypeOf<TrackedPointer<'image'>>();
expectTypeOf(image.label).toEqualTypeOf<'image'>();
expectTypeOf(image.address).toEqualTypeOf<bigint>();
expectTypeOf(image.size).toEqualTypeOf<number>();
expectTypeOf(image.disposed).toEqualTypeOf<boolean>();
expectTypeOf(image.release()).toEqualTypeOf<bigint>();
expectTypeOf(image.view()).toEqualTypeOf<ArrayBuffer>();
expectTypeOf(image.view(4)).toEqualTypeOf<ArrayBuffer>();
expectTypeOf(image.copy(4n)).toExtend<Buffer>();
expectTypeOf(image.resize(16n)).toEqualTypeOf<void>();
expectTypeOf(image.dispose()).toEqualTypeOf<void>();
expectTypeOf(track(address, { size: 8, free: null })).toEqualTypeOf<TrackedPointer<'unlabelled'>>();

// Through another thread and back: the label stays.
const token = handOver(image);
expectTypeOf(token.size).toEqualTypeOf<number>();
expectTypeOf(takeOver(token)).toEqualTypeOf<TrackedPointer<'image'>>();
expectTypeOf(takeOver(JSON.parse('{}'))).toEqualTypeOf<TrackedPointer>();
// @ts-expect-error -- no token
takeOver({ size: 1 });
// @ts-expect-error -- no tracked pointer
handOver(address);

// Scopes.
const all = tally.scope();
expectTypeOf(all.keep(image)).toEqualTypeOf<TrackedPointer<'image'>>();
expectTypeOf(all).toExtend<Disposable>();
// @ts-expect-error -- no tracked pointer
all.keep(address);

// One label does not stand for another; any stands for "some pointer".
expectTypeOf(image).toExtend<TrackedPointer>();
expectTypeOf(image).toExtend<Disposable>();
expectTypeOf<TrackedPointer<'image'>>().not.toExtend<TrackedPointer<'sound'>>();

// Destructors in all their forms.
track(fromKoffi2, { size: 8n, free: fromKoffi2 });
track(address, { size: 8, free: { address, args: [POINTER, SIZE, 42n, -1] } });
track(address, { size: 8, free: { address, args: [ADDRESS_OF], ok: 0, retry: true } });
track(address, { size: 8, free: { address, args: [PARENT, POINTER] }, parent: image });
track(address, { size: 8, free: { address, ok: 0 } });
// @ts-expect-error -- by what would it know?
track(address, { size: 8, free: { address, args: [POINTER], retry: true } });
// @ts-expect-error -- that is the address alone
track(address, { size: 8, free: { address } });
track(address, { size: 8, free: (pointer) => expectTypeOf(pointer).toEqualTypeOf<bigint>() });
track(address, { size: 8, free: null, parent: image });
track(address, { size: 8, free: null, parent: null, label: undefined, shared: true });

// @ts-expect-error -- ownership is not guessed
track(address, { size: 8 });
// @ts-expect-error -- nor is the size
track(address, { free: null });
// @ts-expect-error -- sizes are integers
track(address, { size: '8', free: null });
// @ts-expect-error -- no such option
track(address, { size: 8, free: null, lable: 'image' });
// @ts-expect-error -- a bound argument is no string
track(address, { size: 8, free: { address, args: ['pointer'] } });
// @ts-expect-error -- a tracked pointer has an owner already
track(image, { size: 8, free: null });
// @ts-expect-error -- only the library makes them
new TrackedPointer();
// @ts-expect-error -- resize() does that
image.size = 9;

{
  using scoped = track(address, { size: 8, free: null });
  expectTypeOf(scoped.disposed).toEqualTypeOf<boolean>();
}

expectTypeOf(reportExternal).toEqualTypeOf<(delta: number | bigint) => number>();

expectTypeOf(collect()).toEqualTypeOf<{ readonly bytes: number; readonly pointers: number }>();
collect({ type: 'minor' });
// @ts-expect-error -- no such collection
collect({ type: 'full' });

expectTypeOf(configure()).toEqualTypeOf<Settings>();
configure({ budget: 1n, growth: 0.5, atExit: 'free', checked: true });
configure({ limit: 'auto', onPressure: ({ size }) => expectTypeOf(size).toEqualTypeOf<number>() });
// @ts-expect-error -- no such setting
configure({ limits: 1 });

expectTypeOf(stats().accounts).toEqualTypeOf<readonly AccountStats[]>();
expectTypeOf(stats().totals.collected).toEqualTypeOf<number>();
expectTypeOf(stats().dead).toEqualTypeOf<{ readonly bytes: number; readonly pointers: number }>();

expectTypeOf(meteredAllocator({ label: 'libxml2' }).malloc).toEqualTypeOf<bigint>();
expectTypeOf(stats().meters).toEqualTypeOf<readonly MeterStats[]>();
expectTypeOf(gauge('cache', () => 1n).bytes).toEqualTypeOf<number>();
gauge('sqlite', fromKoffi2).close();
// @ts-expect-error -- nothing to read
gauge('cache');
// @ts-expect-error -- a meter has a name
meteredAllocator({ checked: true });

// Whatever takes the result of process.memoryUsage() takes ours.
expectTypeOf(memoryUsage()).toExtend<NodeJS.MemoryUsage>();
expectTypeOf(memoryUsage().untracked).toEqualTypeOf<number | undefined>();

// Codes can be told apart without a cast on our side.
declare const error: TallyError;
expectTypeOf(error).toExtend<Error>();
expectTypeOf(error.code).toEqualTypeOf<TallyErrorCode>();
// @ts-expect-error -- no such code
error.code === 'ERR_TALLY_DISPOSD';
