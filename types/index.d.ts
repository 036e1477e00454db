/**
 * The books for native memory that V8 cannot see: which native pointers there are, how many bytes each keeps
 * alive, and who frees them. All sizes are in bytes. The books belong to one Node environment: the main thread
 * and each worker have their own.
 *
 * Every error has a `code`; see {@link TallyErrorCode} and `docs/errors.md`.
 *
 * @packageDocumentation
 */

/// <reference lib="esnext.disposable" />

// Without this, everything below would be exported.
export {};

declare global {
  namespace FfiTally {
    /**
     * Your owned types, for the compiler: name and pointer type, as `koffi.owned()` gets them. Prototypes then know the
     * name: results are `TrackedPointer<'OwnedImage'>`, and a pointer to something else is an error where it is passed.
     * Without it such a name is `any` in prototypes.
     *
     * @example
     * ```ts
     * declare global {
     *   namespace FfiTally {
     *     interface OwnedTypes {
     *       OwnedImage: 'gdImage *';
     *     }
     *   }
     * }
     * ```
     */
    interface OwnedTypes {}
  }
}

type OwnedTypes = FfiTally.OwnedTypes;

declare const external: unique symbol;
declare const pointee: unique symbol;

/** A pointer as Koffi 2 gives it: an opaque object of Node-API. Koffi 3 gives a `bigint`. */
export interface NativeExternal {
  readonly [external]: never;
}

/** The address of native memory, or of a C function. */
export type NativeAddress = bigint | NativeExternal;

/**
 * In the bound arguments of a destructor: the pointer that is freed.
 *
 * @see {@link BoundDestructor}
 */
export const POINTER: unique symbol;

/**
 * In the bound arguments of a destructor: the size of the pointer, in bytes, at the time it is freed.
 *
 * @see {@link BoundDestructor}
 */
export const SIZE: unique symbol;

/**
 * In the bound arguments of a destructor: the address of a place that holds the pointer, for a function of a `T **`, which
 * writes NULL there.
 *
 * @see {@link BoundDestructor}
 */
export const ADDRESS_OF: unique symbol;

/**
 * In the bound arguments of a destructor: the address of what the pointer needs, the first that `parent` or `keeps` names,
 * which is freed later. Without either, `ERR_TALLY_UNSUPPORTED`.
 *
 * @see {@link BoundDestructor}
 */
export const PARENT: unique symbol;

/** An argument of a {@link BoundDestructor}. A number must be a safe integer. It must fit in an address, as a `bigint` must. */
export type BoundArgument =
  typeof POINTER | typeof ADDRESS_OF | typeof SIZE | typeof PARENT | bigint | number | AskedArgument;

/**
 * What only the call knows that gives the pointer, such as a capacity: a function of the address and of the arguments of that
 * call, which is asked when the call has returned. For pointers of the drop-ins; `track()` has no call to ask, and refuses it.
 * If it throws, or returns no integer, nobody can free the pointer: that error is thrown.
 */
export type AskedArgument = (address: bigint, ...args: any[]) => bigint | number;

/** How a C destructor is called: with more arguments than the pointer, or with a result that says whether it has freed. */
export type BoundCall =
  | { readonly args: readonly BoundArgument[]; readonly ok?: undefined; readonly retry?: undefined }
  | {
      /** Default: `[POINTER]`. */
      readonly args?: readonly BoundArgument[] | undefined;
      /**
       * The result of a function that has freed, which returns `int`: 0 for most. `true` or `false` for one that returns `bool`
       * or `char`, of which the other bits say nothing. With any other it has failed: that is counted and announced, and
       * thrown by `dispose()` as `ERR_TALLY_DESTRUCTOR`, unless others still needed the pointer. Default: what it returns is
       * ignored.
       */
      readonly ok: number | boolean;
      /**
       * Whether a pointer that could not be freed is still there. After `dispose()` it has not ended, and may be disposed of
       * again. One that was collected is tried again after the next major collection, and at the end of a worker.
       * Default: `false`, it counts as freed.
       */
      readonly retry?: boolean | undefined;
    };

/**
 * A C destructor of several arguments, each pointer or integer, or whose result matters. It is called through libffi and
 * needs a build with it, otherwise `ERR_TALLY_NO_LIBFFI`.
 *
 * @example
 * ```js
 * const { track, POINTER, SIZE } = require('ffi-tally');
 * const munmap = libc.symbol('munmap');
 * track(address, { size: 4096, free: { address: munmap, args: [POINTER, SIZE] } });
 * ```
 */
export type BoundDestructor = { readonly address: NativeAddress } & BoundCall;

/**
 * What frees a pointer:
 *
 * - the address of a C function `void f(T *)`, as `lib.symbol()` returns it: called without JavaScript, so it
 *   also works while a worker ends;
 * - a {@link BoundDestructor}: likewise;
 * - a function of the address. A function that the drop-in's `lib.func()` declared with one parameter is called
 *   in C directly, as if its address had been given. Any other runs in JavaScript, in the async context in which the
 *   pointer was made, so that `AsyncLocalStorage` has the stores of then. It does not run while a worker ends. If it
 *   throws, or is cut off by a timeout of `node:vm`, the pointer counts as freed, `stats().totals.failed` grows, a
 *   warning is emitted once per label and the diagnostics channel `ffi-tally:destructor-error` gets `{ label, error }`
 *   every time. It must not refer to the tracked pointer, which would never be collected;
 * - `null`: nothing. The bytes are counted until the pointer is collected, disposed or released.
 *
 * No destructor runs inside the garbage collector, nor while a C call made through the drop-in is on the stack.
 */
export type Destructor = NativeAddress | BoundDestructor | ((address: bigint) => unknown) | null;

/** What a pointer of that label points to: the name of a C type if `FfiTally.OwnedTypes` says so, otherwise anything. */
export type PointeeOf<Label extends string> = Label extends keyof OwnedTypes
  ? OwnedTypes[Label] extends infer Type
    ? PointeeName<Type>
    : never
  : any;

type PointeeName<Type> = Type extends `const ${infer Rest}`
  ? PointeeName<Rest>
  : Type extends `void${' ' | ''}*`
    ? any
    : Type extends `${infer Name} *`
      ? Name
      : Type extends `${infer Name}*`
        ? Name
        : Type extends IntegerSpelling
          ? OwnedInteger
          : string extends Type
            ? any
            : Type & string;

/** How an integer type may be written in `FfiTally.OwnedTypes`. */
export type IntegerSpelling =
  | `${'' | 'u'}int${'' | `${8 | 16 | 32 | 64 | 'ptr'}${'' | '_t'}`}`
  | `${'' | 'u' | 'unsigned '}${'char' | 'short' | 'int' | 'long' | 'long long' | 'longlong'}`
  | 'size_t';

/** What an owned integer points to, which is nothing. */
export type OwnedInteger = 'an integer';

/** A tracked pointer to the C type of that name, whatever its label. */
export interface PointerTo<Name extends string> {
  readonly [pointee]: Name;
}

/** Node's `Buffer`, where its types are there. */
export type NodeBuffer = typeof globalThis extends { Buffer: { alloc(size: number): infer B } }
  ? B
  : Uint8Array;

/** Any object but a tracked pointer. The second form is for object literals, whose members are checked. */
export type Untracked =
  | (object & { readonly [pointee]?: never })
  | { readonly [member: string]: unknown; readonly [pointee]?: never };

/** The options of {@link TrackedPointer.dispose | dispose()}. */
export interface DisposeOptions {
  /** Whether all that needs the pointer is disposed of, too. Default: `false`; then the memory waits for it. */
  children?: boolean | undefined;
}

/** What a pointer may need: another, or memory of JavaScript, which then stays alive and where it is. */
export type Parent = TrackedPointer | ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/** The options of {@link track}. */
export interface TrackOptions<Label extends string = string> {
  /** The native memory that the pointer keeps alive, in bytes: a safe integer, not negative. */
  size: number | bigint;
  /** What frees the pointer. There is no default: ownership is worth a word. */
  free: Destructor;
  /** The account that carries the bytes in {@link stats}. Default: `'unlabelled'`. */
  label?: Label | undefined;
  /**
   * What this pointer needs until it has been freed: a pointer that must be freed after it, such as the database of a
   * statement; memory of JavaScript that C reads by way of it; or several of these. Default: nothing.
   */
  parent?: Parent | readonly Parent[] | null | undefined;
  /**
   * That C counts references and this pointer is one of them, so that several may have one address. It matters in the
   * checked mode only, see {@link Settings.checked}. Default: `false`.
   */
  shared?: boolean | undefined;
}

/**
 * A native pointer with an owner. It is freed once: by {@link TrackedPointer.dispose | dispose()}, or some time
 * after the last reference to this object is gone, or at the end of the worker it belongs to.
 *
 * Made by {@link track} and by functions that return an owned type; the constructor throws
 * `ERR_TALLY_ILLEGAL_CONSTRUCTOR`. A copy made by `JSON.stringify()` or `structuredClone()` is plain data and owns
 * nothing.
 *
 * @typeParam Label - The label of its account: for results of the drop-in, the name of the owned type.
 *
 * @example
 * ```js
 * using image = create(800, 600); // disposed at the end of the block, even if it throws
 * ```
 */
export class TrackedPointer<Label extends string = string> implements Disposable {
  private constructor();

  /** For the compiler only: what it points to. */
  readonly [pointee]: PointeeOf<Label>;

  /**
   * The native address. It says nothing about ownership: it is valid only as long as this object is alive and not
   * disposed. Pass the object itself to functions of the drop-in, which keep it alive during the call.
   *
   * @throws `ReferenceError` `ERR_TALLY_DISPOSED` after the end.
   */
  readonly address: bigint;

  /** The bytes charged for it; 0 after the end. */
  readonly size: number;

  /** The account that carries the bytes. */
  readonly label: Label;

  /** Whether it has ended: disposed, released, or taken by C. */
  readonly disposed: boolean;

  /**
   * Charges `bytes` instead of what was charged so far. Changes the books, not the memory. A {@link TrackedPointer.view}
   * that would reach past the end now is emptied: it has length 0.
   *
   * @throws `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE` for what is no size, `ERR_TALLY_DISPOSED`
   *   after the end, `ERR_TALLY_OVERFLOW` if all bytes together would pass 2^53 - 1, `ERR_TALLY_IN_USE` if such a view
   *   cannot be emptied. Nothing has changed then.
   */
  resize(bytes: number | bigint): void;

  /**
   * An `ArrayBuffer` over the native memory, without a copy. It keeps this pointer alive. While it is used, it is the
   * same on every call with the same length; buffers of different lengths are views of the same memory, and all are
   * valid. Its bytes are not counted a second time.
   *
   * The memory is there as long as anybody can use it by way of a view, in whatever way that was passed on: to a stream,
   * to another thread, to an asynchronous function of Node or of C. After {@link TrackedPointer.dispose | dispose()}, too,
   * which ends the pointer but does not empty the view: the memory then goes with the first collection that finds the view
   * dead. For memory that is freed at once, {@link TrackedPointer.copy | copy()}.
   *
   * Views are emptied, so that they have length 0, when C gets the memory: by
   * {@link TrackedPointer.release | release()}, by {@link handOver}, by a function that takes ownership, and as far as
   * {@link TrackedPointer.resize | resize()} makes it smaller. Nothing must be using them then that goes on by itself,
   * such as `zlib.deflate()`.
   *
   * @param length - In bytes. Default: the size of the pointer, and of one whose size is `'exact'` the block at its
   *   address. A pointer without a destructor may be viewed at any length.
   * @throws `ERR_TALLY_INVALID_ARG_VALUE` if the pointer is smaller, or for more than an `ArrayBuffer` can hold;
   *   `ERR_TALLY_INVALID_ARG_TYPE`; `ERR_TALLY_DISPOSED` after the end; `ERR_TALLY_OUT_OF_MEMORY`; `ERR_TALLY_NO_VIEWS`
   *   where the runtime forbids such buffers (Electron).
   *
   * @example
   * ```js
   * const pixels = new Uint8Array(image.view());
   * ```
   */
  view(length?: number | bigint): ArrayBuffer;

  /**
   * A `Buffer` with a copy of the first bytes, which belongs to JavaScript alone. `Buffer.from(pointer.view())` shares the
   * memory instead.
   *
   * @param length - In bytes. Default: as for {@link TrackedPointer.view | view()}.
   * @throws Like {@link TrackedPointer.view | view()}.
   *
   * @example
   * ```js
   * const png = image.copy(); // image.dispose() frees its memory at once
   * ```
   */
  copy(length?: number | bigint): NodeBuffer;

  /**
   * Frees it now. The object has ended when this returns; the memory is freed later if other pointers have it as
   * their parent, if an asynchronous call uses it, if this is called back from a C call of the drop-in, or if there is a
   * {@link TrackedPointer.view | view} that has not been collected. Until then its bytes are in `stats().dead`. The second
   * time does nothing.
   *
   * @param options - `{ children: true }` disposes of all that needs it first, and of what needs that: those pointers have
   *   ended, too, when this returns, so that nothing but a call or a view can hold it. Of a pointer that has ended, and is
   *   held, it does the same. Finding them takes time in proportion to all pointers there are.
   * @throws With options, `ERR_TALLY_UNKNOWN_OPTION`, `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_OUT_OF_MEMORY`.
   *
   * @example
   * ```js
   * database.dispose({ children: true }); // its statements, too: now the file can be renamed
   * ```
   */
  dispose(options?: DisposeOptions): void;

  /** The same as {@link TrackedPointer.dispose | dispose()}, for `using`. */
  [Symbol.dispose](): void;

  /**
   * Gives ownership away: returns the address, takes back the charge and does not run the destructor. A parent no longer
   * waits for it: keep that until you have freed this.
   *
   * @throws `ERR_TALLY_DISPOSED` after the end; `ERR_TALLY_IN_USE` while other pointers have it as their parent, an
   *   asynchronous call uses it, or its memory may be in a buffer into which a view was moved, and once its own parent has
   *   ended; `ERR_TALLY_UNSUPPORTED` for an owned struct, whose memory is JavaScript's.
   */
  release(): bigint;

  /** What is left of it in JSON. */
  toJSON(): { label: Label; size: number; disposed: boolean };
}

/**
 * Takes ownership of a native pointer.
 *
 * From the moment that `free` is understood the pointer is ours: if anything else fails, it is freed before the
 * error is thrown.
 *
 * This is also where memory is reclaimed in synchronous code: when enough bytes have been tracked since the last
 * time (see {@link configure}), the call asks V8 for a garbage collection and frees what is dead before it returns.
 *
 * @param address - A `bigint`, or an External of Koffi 2. Nobody else may free it. That it is tracked already is
 *   noticed in the checked mode only, see {@link Settings.checked}.
 * @throws `ERR_TALLY_NULL_POINTER` for NULL, `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`,
 *   `ERR_TALLY_UNKNOWN_OPTION`, `ERR_TALLY_DISPOSED` for a parent that has ended, `ERR_TALLY_NO_LIBFFI`,
 *   `ERR_TALLY_NO_CALLER`, `ERR_TALLY_LIMIT`, `ERR_TALLY_OVERFLOW`, `ERR_TALLY_OUT_OF_MEMORY`, `ERR_TALLY_TRACKED_TWICE`.
 *
 * @example
 * ```js
 * const libc = require('koffi').load('libc.so.6');
 * const malloc = libc.func('void *malloc(size_t size)');
 * const block = track(malloc(1024), { size: 1024, free: libc.symbol('free'), label: 'block' });
 * block.dispose();
 * ```
 */
export function track<Label extends string = 'unlabelled'>(
  address: NativeAddress,
  options: TrackOptions<Label>,
): TrackedPointer<Label>;

/** What {@link handOver} returns: plain data, for `postMessage()`, `structuredClone()` and JSON. */
export interface HandedOver<Label extends string = string> {
  /** By which {@link takeOver} knows it. Of no use in another process. */
  readonly handedOver: string;
  readonly label: Label;
  /** In bytes. */
  readonly size: number;
}

/**
 * Gives a pointer to whoever takes it over first, in any thread of the process. The pointer ends here, as by
 * {@link TrackedPointer.release | release()}, and its view is emptied. Until somebody takes it over it has no thread, is
 * freed by nobody and is counted in `stats({ scope: 'process' }).inTransit`; so keep the token where its message may be lost, and take the
 * pointer back when the worker has ended or the port is closed. See `docs/threads.md`.
 *
 * @throws `ERR_TALLY_INVALID_ARG_TYPE`; `ERR_TALLY_DISPOSED`; `ERR_TALLY_UNSUPPORTED` for a pointer with a destructor in
 *   JavaScript or with a parent; `ERR_TALLY_IN_USE` while other pointers have it as their parent, while an asynchronous
 *   call uses it, while a view may have been moved elsewhere, and in a callback from C; `ERR_TALLY_OUT_OF_MEMORY`. Nothing
 *   has changed then.
 *
 * @example
 * ```js
 * const token = handOver(image);
 * worker.postMessage(token);
 * ```
 */
export function handOver<Label extends string = string>(pointer: TrackedPointer<Label>): HandedOver<Label>;

/**
 * Makes a pointer that was handed over one of this thread. It has its size and its label. As after {@link track}, it has
 * no C type, and fits every parameter.
 *
 * @param token - What {@link handOver} returned, or a copy.
 * @throws `ERR_TALLY_TAKEN_OVER` if somebody else was first; `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_OVERFLOW`,
 *   `ERR_TALLY_OUT_OF_MEMORY`, `ERR_TALLY_TRACKED_TWICE`. After the last four it may still be taken over.
 *
 * @example
 * ```js
 * parentPort.on('message', (token) => {
 *   using image = takeOver(token);
 * });
 * ```
 */
export function takeOver<Label extends string = string>(token: HandedOver<Label>): TrackedPointer<Label>;

/** What {@link scope} returns. */
export interface Scope {
  /** Takes a pointer out: it does not end with the scope. Returns it. @throws `ERR_TALLY_INVALID_ARG_TYPE` */
  keep<Pointer extends TrackedPointer>(pointer: Pointer): Pointer;
  /**
   * Disposes of all that was made in the scope and is still there, the last first. A destructor that throws does not stop
   * the others; the first error is thrown then. The second time does nothing.
   */
  dispose(): void;
  /** The same as {@link Scope.dispose | dispose()}, for `using` and `DisposableStack`. */
  [Symbol.dispose](): void;
}

/**
 * Opens a scope: pointers that are made from now on end with it, whoever makes them, until it is disposed of, or the
 * synchronous code that has opened it is over. What is made after an `await` is not in it. Scopes may be in each other: a
 * pointer is in the innermost.
 *
 * @example
 * ```js
 * function thumbnail(file) {
 *   using all = scope();
 *   const image = decode(file);
 *   return all.keep(scale(rotate(image), 100, 100));
 * }
 * ```
 */
export function scope(): Scope;

/**
 * Charges bytes by hand, or gives them back: for memory that the caller frees but whose life hangs on JavaScript
 * objects. It has the same effect on garbage collection as {@link track}.
 *
 * @param delta - Bytes: a safe integer, negative to give back.
 * @returns All bytes that this environment has charged by hand.
 * @throws `ERR_TALLY_UNBALANCED` if more is given back than was charged: V8 itself would end the process (Node 24
 *   and later; measured on 24.21 and 26.10) or count below zero (before). `ERR_TALLY_OVERFLOW` past 2^53 - 1,
 *   `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`. Nothing has changed then.
 *
 * @example
 * ```js
 * reportExternal(8_000_000); // the cache has grown
 * reportExternal(-8_000_000); // and is gone
 * ```
 */
export function reportExternal(delta: number | bigint): number;

/** What happened to the pointers of one label. */
export interface AccountStats {
  readonly label: string;
  /** Charged now. */
  readonly bytes: number;
  /** Pointers that are not freed yet. */
  readonly pointers: number;
  /** The most that was charged at a time. */
  readonly peakBytes: number;
  /** All that was ever charged. */
  readonly chargedBytes: number;
  /** Pointers ever tracked. */
  readonly tracked: number;
  /** Freed because of `dispose()`. */
  readonly disposed: number;
  /** Freed because they were garbage. */
  readonly collected: number;
  /** Given away, by `release()`, by `handOver()` or to C. */
  readonly released: number;
  /** Destructors that threw; among those freed. */
  readonly failed: number;
  /** How the sizes are found: `'given'` to {@link track}, or by the `size` of an owned type. */
  readonly sizes: 'given' | 'constant' | 'function' | 'malloc' | 'metered' | 'exact';
  /** Where the owned type says `compare`: means over `samples` pointers, without the extreme quarters. */
  readonly compared?: {
    readonly how: 'malloc' | 'metered' | 'exact';
    readonly samples: number;
    readonly declaredBytes: number;
    readonly measuredBytes: number;
  };
  /**
   * How long ago the oldest of `pointers` was tracked, in whole seconds; starts again from 0 after 194 days. Only for
   * `stats({ ages: true })`, and `undefined` where there is no pointer.
   */
  readonly oldestSeconds: number | undefined;
}

/** A place in the program where tracked pointers were made that are alive, or were collected: see {@link Settings.trace}. */
export interface TraceStats {
  readonly label: string;
  /** The bytes that its pointers carry, from those traced: one stands for `1 / trace` pointers, or only for itself if large. */
  readonly bytes: number;
  /** The number of its pointers, likewise. */
  readonly pointers: number;
  /** How many of those made there were collected, likewise: nobody has disposed of them. */
  readonly collected: number;
  /** How many of those that are alive were traced: the fewer, the less the other figures say. */
  readonly samples: number;
  /**
   * The calls that led there, innermost first, at most 12, as in the `stack` of an error. Places in compiled code are
   * those in the source if Node knows its source maps (`--enable-source-maps`).
   */
  readonly stack: string;
  /**
   * Where the collected ones were last used, by a call of C, `address`, `view()` or `copy()`: the calls that led there, up to
   * four, and how many were used there last. The most first. What nothing has used since it was made is missing. Node tells
   * of what was collected in a later turn of the event loop, so these can be fewer than `collected` for a while.
   */
  readonly lastUsed: readonly { readonly collected: number; readonly stack: string }[];
}

/** What a {@link MeteredAllocator} has counted, in all threads of the process. */
export interface MeterStats {
  readonly label: string;
  /** In blocks that are not freed yet. What the C allocator really gave, which is a little more than was asked for. */
  readonly bytes: number;
  /** The number of these blocks. */
  readonly blocks: number;
  /** The most that `bytes` ever was. Exact where one thread allocates; else too low by at most 64 KiB for each thread. */
  readonly peakBytes: number;
  /** All that was ever allocated. */
  readonly allocatedBytes: number;
  /** Allocations ever, each `realloc` among them. */
  readonly allocations: number;
  /**
   * Frees of what the meter had not allocated. Checked, each of them. Otherwise by how many the frees exceeded the
   * allocations at some time: then its functions were given to the library too late.
   */
  readonly foreign: number;
  /** What this environment is charged for: 0 if another one is. */
  readonly charged: number;
  readonly checked: boolean;
}

/** What a {@link gauge} has told. */
export interface GaugeStats {
  readonly label: string;
  readonly bytes: number;
  /** The most that it has told. */
  readonly peakBytes: number;
  /** How often it could not be read. */
  readonly failed: number;
  /** What new pointers may not have it pass; `Infinity` for none. */
  readonly limit: number;
}

/** What {@link stats} returns. */
export interface Stats {
  /**
   * How memory is reclaimed: `'native'`, by the addon; `'javascript'` without it, and then from the event loop only. See
   * `docs/without-a-binary.md`.
   */
  readonly backend: 'native' | 'javascript';
  /** The sizes of all pointers that are not freed yet. */
  readonly bytes: number;
  /** The number of these pointers. */
  readonly pointers: number;
  /** Charged by {@link reportExternal}. */
  readonly manual: number;
  /** Charged for {@link meteredAllocator} and {@link gauge}: memory that is not in the size of a pointer. */
  readonly outside: number;
  /** The most that `bytes + manual + outside` ever was, as far as it was seen. */
  readonly peakBytes: number;
  /** What V8 has been told. At most `bytes + manual + outside`, and less while V8 knowing it all would make it collect too soon. */
  readonly reported: number;
  /** Of `bytes` and `pointers`: ended, but kept by a child, by a call, or until there is time to free them. */
  readonly dead: { readonly bytes: number; readonly pointers: number };
  /** Sums over all accounts since the start. */
  readonly totals: Omit<
    AccountStats,
    'label' | 'bytes' | 'pointers' | 'peakBytes' | 'oldestSeconds' | 'sizes' | 'compared'
  >;
  /** Garbage collections that this library asked for, and the bytes that were freed after them. */
  readonly collections: {
    readonly minor: number;
    readonly major: number;
    readonly returnedByMinor: number;
    readonly returnedByMajor: number;
  };
  /** One entry for each label, the one that carries most first. */
  readonly accounts: readonly AccountStats[];
  /** Where pointers were made that are alive or were collected, the place with most bytes first; empty if nothing is traced. */
  readonly traces: readonly TraceStats[];
  /** One entry for each {@link meteredAllocator} of this environment. */
  readonly meters: readonly MeterStats[];
  /** One entry for each {@link gauge} that is not closed. */
  readonly gauges: readonly GaugeStats[];
}

/**
 * What {@link stats} returns for `{ scope: 'process' }`: sums over all environments, which are the main thread and the
 * workers, and one more for each further copy of this library. Each figure is right for itself; they are read one after
 * the other while the other threads go on. What another thread has tracked last, up to 255 pointers of less than 1 MiB
 * in all, is missing until that thread enters it into its books.
 */
export interface ProcessStats {
  /** Environments that have not ended. */
  readonly environments: number;
  /** The sizes of all pointers that are not freed yet. */
  readonly bytes: number;
  /** The number of these pointers. */
  readonly pointers: number;
  /** Charged by {@link reportExternal}. */
  readonly manual: number;
  /** Charged for {@link meteredAllocator} and {@link gauge}. */
  readonly outside: number;
  /** Of `bytes` and `pointers`: ended, but not freed yet. */
  readonly dead: { readonly bytes: number; readonly pointers: number };
  /**
   * Handed over and not taken over yet, see {@link handOver}. Not in `bytes`, and not reported to V8: no collection could
   * free it.
   */
  readonly inTransit: { readonly bytes: number; readonly pointers: number };
  /**
   * What the kernel counts, for the process or for the cgroup that limits it, and the limit on that which is in force
   * (`scope: 'process'` of {@link configure}); `Infinity` for none.
   */
  readonly memory: { readonly usage: number; readonly limit: number };
  /**
   * Pointers since the start of the process, those of workers that have ended included: `tracked` is the sum of
   * `disposed`, `collected`, `released`, `tornDown` (at the end of a worker) and the `pointers` that there are.
   */
  readonly totals: {
    readonly tracked: number;
    readonly disposed: number;
    readonly collected: number;
    readonly released: number;
    readonly tornDown: number;
    /** Destructors that threw, among those freed; and those in JavaScript that the end of a worker could not run. */
    readonly failed: number;
  };
}

/**
 * The books of this environment, as they are now. A snapshot; costs microseconds and time for each label.
 *
 * @param options - `scope`: `'environment'`, the default, or `'process'`, which takes no lock that another thread would
 *   wait for while it tracks or frees. `ages`: whether to look for the oldest pointer of each account, which looks at all
 *   pointers: 10 ms for a million. Default: `false`.
 * @throws `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`, `ERR_TALLY_UNKNOWN_OPTION`.
 *
 * @example
 * ```js
 * console.table(stats({ ages: true }).accounts.slice(0, 10));
 * console.log(stats({ scope: 'process' }).bytes); // workers included
 * ```
 */
export function stats(options?: { scope?: 'environment' | undefined; ages?: boolean | undefined }): Stats;
export function stats(options: { scope: 'process' }): ProcessStats;

/**
 * The resident memory of the process as a sum: whatever the platform, the terms that are not `undefined` add up to
 * `rss`. One byte is in one term only. What a platform cannot tell is `undefined`, never 0, and then it is in `rest`.
 *
 * Measured in {@link MemoryUsage.rss | rss} are pages that were touched, in the books bytes that were asked for. Memory
 * that is asked for and not touched makes `rest` smaller, even negative.
 */
export interface MemoryTerms {
  /**
   * V8's heap in this thread, and what V8 allocates for itself. `total_physical_size` and `malloced_memory` of
   * `v8.getHeapStatistics()`, on all platforms. Heaps of other threads are in `rest`: Node does not tell them.
   */
  readonly heap: number;
  /** Charged by {@link track} and {@link reportExternal} in all threads of the process, or in transit. From the books. */
  readonly tracked: number;
  /**
   * Other memory that V8 or Node counts in this thread: Buffers, WebAssembly memory, strings outside of the heap, what
   * other addons report. `counter` without `reported` and without views over tracked memory; or
   * `process.memoryUsage().arrayBuffers` where that is more, because it has `SharedArrayBuffer`s, which V8 leaves out.
   */
  readonly buffers: number;
  /**
   * Bytes in use in the C allocator that nobody accounts for: `allocator.inUse` without what `tracked` and `buffers` got
   * from there, at least 0. Node itself holds some megabytes; look at how it grows. Pointers freed by `munmap` are known
   * not to be in the allocator. Too low by whatever else is in `tracked` or `buffers` and does not come from there, such
   * as WebAssembly memory; Buffers of other threads are in it. The tables in which this library keeps the blocks of
   * metered libraries are in `rest`.
   */
  readonly untracked: number | undefined;
  /**
   * Resident bytes that the C allocator holds free, which {@link trim} may give back. `allocator.held`, of which only
   * what is resident counts: at most the memory that is in no other term and, on Linux, in no file (`/proc/self/statm`).
   */
  readonly fragmentation: number | undefined;
  /**
   * `rss` without the terms above: the executable and its libraries, stacks, mapped files, heaps of other threads, memory
   * from `mmap` that nobody tracks. Negative when much has been asked for and not touched.
   */
  readonly rest: number;
}

/** What {@link memoryUsage} returns: everything that `process.memoryUsage()` does, and more. */
export interface MemoryUsage {
  readonly rss: number;
  readonly heapTotal: number;
  readonly heapUsed: number;
  /** Of V8's own: Buffers and the like. It never shows what addons report; `counter` does. */
  readonly external: number;
  readonly arrayBuffers: number;
  /** Charged in this environment, by {@link track} and by {@link reportExternal}. */
  readonly tracked: number;
  /** What V8 has been told of it. */
  readonly reported: number;
  /**
   * V8's own counter of external memory, which makes it collect: `reported`, Buffers, and what other addons
   * report. It is what `napi_adjust_external_memory()` returns.
   */
  readonly counter: number;
  /**
   * The C allocator of the whole process: bytes in blocks that the program holds, and bytes that the allocator keeps
   * for later, resident or not. From `mallinfo2()` on glibc 2.33 and later, `mallctl()` where jemalloc was preloaded,
   * and the malloc zones on macOS; `undefined` elsewhere, and where malloc was replaced by anything else.
   */
  readonly allocator: { readonly inUse: number; readonly held: number } | undefined;
  /** `terms.untracked`: native memory that nobody has accounted for. */
  readonly untracked: number | undefined;
  /** `rss` as a sum. */
  readonly terms: MemoryTerms;
}

/**
 * Where the memory of the process is. It takes tens of microseconds; more where the allocator has a great many free
 * blocks between others, or where very many pointers are tracked and some of them are freed by `munmap`.
 *
 * @see https://nodejs.org/api/process.html#processmemoryusage
 * @see https://man7.org/linux/man-pages/man3/mallinfo.3.html
 *
 * @example
 * ```js
 * const { rss, terms } = memoryUsage();
 * console.log(`${terms.untracked} of ${rss} bytes are in nobody's books`);
 * ```
 */
export function memoryUsage(): MemoryUsage;

/**
 * Gives the memory that the C allocator holds free back to the kernel, as far as whole pages are free. It blocks all
 * threads that allocate for as long as that takes, and the allocator will have to ask for memory again: a thing to do
 * after a peak, not in a loop. `malloc_trim()` on glibc, purging all arenas on jemalloc,
 * `malloc_zone_pressure_relief()` on macOS.
 *
 * @returns The bytes by which the resident memory fell meanwhile, at least 0; `undefined` where the platform cannot.
 *
 * @example
 * ```js
 * if (memoryUsage().terms.fragmentation > 256e6) trim();
 * ```
 */
export function trim(): number | undefined;

/** Bytes and blocks of native memory, as they are estimated from samples. */
export interface ProfiledBytes {
  readonly bytes: number;
  readonly blocks: number;
}

/** A function on the stack of an allocation. In a library, line and column are 0. */
export interface ProfiledFrame {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The four views of a {@link Profile}: in use now, ever allocated, in use at the peak, freed by the call that made it. */
export type ProfileView = 'inUse' | 'allocated' | 'atPeak' | 'temporary';

/** What was allocated with one stack. */
export interface ProfiledSite extends Readonly<Record<ProfileView, ProfiledBytes>> {
  /** The outermost first: JavaScript through source maps, then C's function, then what it has called in its library. */
  readonly frames: readonly ProfiledFrame[];
}

/** What {@link Profile.read} returns. Plain data. */
export interface ProfileResult extends Readonly<Record<ProfileView, ProfiledBytes>> {
  /** The version of ffi-tally. */
  readonly version: string;
  /** The bytes for which there is one sample, on average. */
  readonly every: number;
  /** As `Date.now()`. */
  readonly startedAt: number;
  readonly seconds: number;
  /** The largest in use first. */
  readonly sites: readonly ProfiledSite[];
  /** The libraries that could not be sampled, and why. */
  readonly notCounted: readonly { readonly library: string | null; readonly reason: string }[];
}

/** A profile that runs until it is stopped. */
export interface Profile {
  /** What is known so far, or was when it was stopped. */
  read(): ProfileResult;
  /**
   * Writes what `read()` gives. The name of the file tells the format: `.heapprofile` for the Memory tab of DevTools, which has
   * one `view` (by default `'inUse'`); `.speedscope.json`, `.pb.gz` (pprof) and `.html`, a page with a flame graph, which have all.
   *
   * @returns The name of the file.
   */
  write(file: string, options?: { readonly view?: ProfileView }): string;
  /** Ends it. Its figures stay. */
  stop(): void;
}

export interface ProfileOptions {
  /** The bytes for which there is one sample, on average. By default 524288. */
  readonly every?: number | bigint;
  /** The same seed gives the same samples in the same program, as long as one thread allocates: for tests. */
  readonly seed?: number | bigint;
}

/**
 * Begins a profile of what C libraries allocate that the program uses by way of `ffi-tally/koffi`: cheap enough for production,
 * because only one allocation in half a megabyte is looked at, by chance. Each sample has the stack of JavaScript and the native one;
 * sums are right on average, whatever the sizes are.
 *
 * Functions that were declared before have the native stack alone, unless what they return is owned and its size counted. So begin
 * it first, and then load what declares them. The same holds for functions of other threads, and for asynchronous calls. One
 * profile can run in a process.
 *
 * @throws `ERR_TALLY_UNSUPPORTED` where libraries cannot be counted (they can on Linux and on Windows, with the binary), and while
 * another profile runs; `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`, `ERR_TALLY_UNKNOWN_OPTION`.
 *
 * @example
 * ```js
 * const profile = startProfile();
 * setTimeout(() => profile.write('memory.heapprofile'), 60_000);
 * ```
 */
export function startProfile(options?: ProfileOptions): Profile;

/**
 * Writes a heap snapshot, as `v8.writeHeapSnapshot()` does, in which each tracked pointer weighs the bytes of its native
 * memory. Opened in DevTools, retained sizes, comparison and retainers then tell of native memory, too: which `Session`
 * keeps 20 MB of images. All such weights together are `stats().bytes`; what has no object any more is in one node of its own.
 *
 * It blocks the thread for about a third longer than V8 alone, and needs twice the space of the file for that time.
 *
 * @param file - By default `Heap.<date>.<time>.<process>.<thread>.<number>.heapsnapshot` in the working directory.
 * @returns The name of the file.
 * @throws `ERR_TALLY_INVALID_ARG_TYPE`; `ERR_TALLY_UNSUPPORTED` without the binary; what `node:fs` throws.
 *
 * @example
 * ```js
 * const file = writeHeapSnapshot();
 * ```
 */
export function writeHeapSnapshot(file?: string): string;

/** What {@link monitor} tells of native memory that nobody tracks. */
export interface GapFinding {
  /** By how much it has grown during the last 12 samples. */
  readonly bytes: number;
  readonly bytesPerSecond: number;
  /** How much there is now: `terms.untracked` of {@link memoryUsage}, or `terms.rest` where the platform cannot tell. */
  readonly untracked: number;
  /** All of this in a sentence. */
  readonly message: string;
}

/** What {@link monitor} tells of memory that was dead and could not be freed. */
export interface StarvedFinding {
  readonly bytes: number;
  readonly pointers: number;
  /** How long the event loop stood still. */
  readonly seconds: number;
  readonly message: string;
}

/** What {@link monitor} tells of collections that return nothing. */
export interface FutileFinding {
  /** Major collections that this library asked for during the last 12 samples. */
  readonly collections: number;
  /** Bytes that were freed after them and after minor ones. */
  readonly returned: number;
  /** Bytes that are tracked. */
  readonly bytes: number;
  /** The three largest accounts. */
  readonly accounts: readonly AccountStats[];
  readonly message: string;
}

/** The options of {@link monitor}. A handler that is not given emits a warning of Node, an `FfiTallyWarning`. */
export interface MonitorOptions {
  /** Milliseconds between two samples. Default: 10000. */
  interval?: number | undefined;
  /** Bytes by which untracked memory must have grown within 12 samples. Default: 33554432 (32 MiB). */
  gap?: number | bigint | undefined;
  /**
   * Untracked native memory has grown steadily, and the JavaScript heap has not grown half as much: a C function keeps
   * memory that nobody frees. Default: warns with the code `FFI_TALLY_GAP`.
   */
  onGap?: ((finding: GapFinding) => void) | undefined;
  /**
   * The event loop stood still for a second or more, and 32 MiB or more were dead and waited for it. Default: warns with
   * the code `FFI_TALLY_STARVED`.
   */
  onStarved?: ((finding: StarvedFinding) => void) | undefined;
  /**
   * At least 4 major collections were asked for and together returned less than 1 % of what is tracked: something refers
   * to it, or it is all needed and `budget` should be larger. Default: warns with the code `FFI_TALLY_FUTILE`.
   */
  onFutile?: ((finding: FutileFinding) => void) | undefined;
}

/**
 * Looks at memory every `interval` and tells what is only seen over time. It does not keep the process alive. A sample
 * costs what {@link memoryUsage} and {@link stats} cost, tens of microseconds. After a finding, the next of its sort needs
 * samples of its own: 12 of them, except for a starved loop.
 *
 * @throws `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`, `ERR_TALLY_UNKNOWN_OPTION`.
 *
 * @example
 * ```js
 * const watching = monitor({ onGap: ({ message }) => log.error(message) });
 * watching.stop();
 * ```
 */
export function monitor(options?: MonitorOptions): { stop(): void };

/** What {@link collect} freed: bytes and pointers. */
export interface Collected {
  readonly bytes: number;
  readonly pointers: number;
}

/**
 * Asks V8 for a garbage collection and frees every pointer found dead before it returns. It blocks for as long as
 * that takes. Called back from C or from a destructor it frees nothing and returns zeros.
 *
 * A variable that has gone out of scope may still hold its last value until the function returns.
 *
 * @param options - `type`: `'major'` (default) finds all that is dead, `'minor'` only what died young, much faster.
 * @throws `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`, `ERR_TALLY_UNKNOWN_OPTION`.
 *
 * @example
 * ```js
 * const { bytes } = collect();
 * ```
 */
export function collect(options?: { type?: 'major' | 'minor' | undefined }): Collected;

/** What {@link assertNoLeaks} found of one label. */
export interface Leak {
  /** The account, or `'reportExternal()'` for what was charged by hand. */
  readonly label: string;
  /** How many more are alive. */
  readonly pointers: number;
  /** How many more bytes. */
  readonly bytes: number;
  /** Where more of them were made than before, if they are traced. */
  readonly traces: readonly TraceStats[];
}

/** What {@link assertNoLeaks} rejects with. */
export interface LeakError extends TallyError {
  readonly code: 'ERR_TALLY_LEAK';
  readonly leaks: readonly Leak[];
}

/**
 * For tests: collects garbage and rejects if more pointers are alive than at the time of `since`, or more bytes charged
 * by hand. It looks at numbers: one pointer that is gone makes up for another of the same label that is there.
 *
 * It collects a few times, with a turn of the event loop in between, before it rejects. The function that made the
 * pointers should have returned: a variable may hold its last value until then. `ffi-tally/jest` does this for each test.
 *
 * @param since - What {@link stats} returned earlier. Default: as if there had been nothing.
 * @throws Rejects with a {@link LeakError} `ERR_TALLY_LEAK`, or with `ERR_TALLY_INVALID_ARG_TYPE`.
 *
 * @example
 * ```js
 * const before = stats();
 * await handle(request);
 * await assertNoLeaks(before);
 * ```
 */
export function assertNoLeaks(since?: Stats): Promise<void>;

/**
 * For tests: returns `test` as a function whose promise is rejected if it leaves more than `bytes` alive. With 0, no pointer may
 * be left. It counts as {@link assertNoLeaks} does. A test that fails by itself is not judged. Give the result to Jest, Vitest,
 * Mocha or `node:test` in place of the test. A test that calls `done` cannot be wrapped.
 *
 * @throws `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`. The test is rejected with a {@link LeakError}
 *   `ERR_TALLY_LEAK`.
 *
 * @example
 * ```js
 * test('caches no more than a page', limitLeaks(8192, () => render('page')));
 * ```
 */
export function limitLeaks<T extends (...args: any[]) => unknown>(
  bytes: number | bigint,
  test: T,
): LimitedTest<T>;

/**
 * For tests: returns `test` as a function whose promise is rejected if more than `bytes` are live at a time. Bytes that are live
 * when it begins do not count, nor do dead ones: they are collected before a pointer is refused. The pointer that would pass the
 * limit is refused with `ERR_TALLY_LIMIT`, at the line that makes it. Bytes that come without a pointer are judged at the end.
 * Tracking takes longer meanwhile. One test can be limited at a time.
 *
 * @throws `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`. The test is rejected with `ERR_TALLY_LIMIT`, or with
 *   `ERR_TALLY_UNSUPPORTED` while another is running.
 *
 * @example
 * ```js
 * test('decodes in slices', limitMemory(24_000_000, () => decode('large.png')));
 * ```
 */
export function limitMemory<T extends (...args: any[]) => unknown>(
  bytes: number | bigint,
  test: T,
): LimitedTest<T>;

/** What {@link limitMemory} and {@link limitLeaks} make of a test. */
export type LimitedTest<T extends (...args: any[]) => unknown> = (
  this: ThisParameterType<T>,
  ...args: Parameters<T>
) => Promise<Awaited<ReturnType<T>>>;

/** What {@link configure} takes and returns. */
export interface Settings {
  /** Bytes that may be tracked before a garbage collection is asked for, at least 1. Default: 67108864 (64 MiB). */
  budget: number;
  /**
   * After a major collection the native bytes may grow by `growth` times what is alive, native bytes and JavaScript
   * heap together, and at least by `budget`, before the next one. More than 0, at most 100. Default: 1.
   */
  growth: number;
  /**
   * Bytes, all that is charged, that a new pointer may not pass: after a major collection and
   * {@link Settings.onPressure}, {@link track} and functions with owned results free it and throw `ERR_TALLY_LIMIT`. It
   * refuses nothing else, and holds to within about 1 MB: small new pointers are booked in batches. Default: `Infinity`.
   *
   * Given as `'auto'` it is half of `process.constrainedMemory()`, the rest being for the JavaScript heap, and
   * `Infinity` outside of a container. With {@link Settings.scope | `scope: 'process'`} `'auto'` is what the kernel allows.
   */
  limit: number;
  /**
   * What the `limit` beside it is on. `'environment'`, the default: what is charged in this thread. `'process'`: what the
   * kernel counts for the process or, where a cgroup limits it, for that (v1, or v2 with `memory.high`): JavaScript heaps,
   * Buffers and native memory of all threads, said or not. The two limits are beside each other; that on the process holds
   * for all threads, and in a limited cgroup it is in force by itself. Needs `limit`; `'process'` needs the native part.
   */
  scope: 'environment' | 'process';
  /**
   * Called before a pointer is refused because of `limit`, when a collection was not enough: the last chance to dispose
   * of something, such as a cache. `bytes` are charged now, `size` more are wanted. `gauge` is the label of the
   * {@link gauge} whose own limit it is, whose bytes have the new pointer in them. Default: `null`.
   */
  onPressure: ((pressure: { bytes: number; limit: number; size: number; gauge?: string }) => void) | null;
  /**
   * Whether this environment frees its pointers when it ends. `'free'`: those with a native destructor, children
   * first. `'skip'`: none, the kernel is faster. Default: `'skip'` on the main thread; always `'free'` in a worker,
   * however it ends. `'free'` on the main thread includes `process.exit()`, unless called back from C, and an uncaught
   * error: the pointers are then freed after the last JavaScript has run. A signal that nobody handles and a crash free
   * nothing.
   */
  atExit: 'free' | 'skip';
  /**
   * Whether a pointer is refused, with `ERR_TALLY_TRACKED_TWICE` and without being freed, while another tracked pointer
   * has its address and has still to free it; unless both are `shared`. For development and tests: it costs some hundred
   * nanoseconds for each pointer, and nothing while it is off. Pointers tracked before, with `free: null` or in other
   * threads are not compared. And whether it is told when a library that is metered frees what a pointer owns, which was not
   * given to it: the process emits `FFI_TALLY_FREED_BY_C`, and the pointer is ended without its destructor. Default: whether
   * the environment has `FFI_TALLY_CHECKED=1`.
   */
  checked: boolean;
  /**
   * Collects all that nobody refers to at every pointer that is tracked, and before and after every call of a function of C
   * that is declared while this is on. What C still needs, but JavaScript has let go, is gone then: for test runs, some
   * thousand times slower. What a library that is metered frees, in any thread of the process, is overwritten with `0xdb`, and
   * its address is not used again until 4096 more blocks or 64 MiB are freed. Default: whether the environment has
   * `FFI_TALLY_STRESS=1`.
   */
  stress: boolean;
  /**
   * The share of new pointers whose place of creation is noted for `stats().traces`: 0 for none, 1 for all. Those of
   * 1 MiB and more are always noted, unless it is 0. One that is noted costs ten
   * microseconds, the others nothing. Default: 0, or what the environment variable `FFI_TALLY_TRACE` says.
   */
  trace: number;
  /**
   * The path of a file that always holds the last figures: memory, limit, largest accounts, and the last minute. It is mapped,
   * so it is there after SIGKILL, a crash or the kernel's OOM killer, and `npx ffi-tally post-mortem FILE` reads it. For the
   * whole process, which it costs some microseconds ten times a second; 36 KB, in a place that outlives the container. Not on
   * Windows, nor without the native part. Default: `null`, or what the environment variable `FFI_TALLY_BLACK_BOX` says.
   */
  blackBox: string | null;
}

/**
 * Changes when memory is reclaimed in this environment. What is not named stays as it is.
 *
 * @returns The settings in force, as a copy.
 * @throws `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`, `ERR_TALLY_UNKNOWN_OPTION`. Nothing has
 *   changed then.
 *
 * @example
 * ```js
 * configure({ budget: 256 * 1024 * 1024 }); // fewer collections, more memory
 * configure({ limit: 'auto', onPressure: () => cache.clear() });
 * ```
 */
export function configure(options?: {
  budget?: number | bigint;
  growth?: number;
  limit?: number | bigint | 'auto';
  scope?: Settings['scope'];
  onPressure?: Settings['onPressure'];
  atExit?: Settings['atExit'];
  checked?: boolean;
  stress?: boolean;
  trace?: number;
  blackBox?: string | null;
}): Settings;

/** What {@link gauge} returns. */
export interface Gauge extends Disposable {
  readonly label: string;
  /** What it told when it was read last; 0 once closed. */
  readonly bytes: number;
  /** It is read no more, and what it has told is charged no more. The second time does nothing. */
  close(): void;
  /** The same as {@link Gauge.close | close()}, for `using`. */
  [Symbol.dispose](): void;
}

/**
 * Charges what somebody else counts: the bytes that a library says it uses (`sqlite3_memory_used`), GPU memory, a cache.
 * They have the effect of tracked pointers on garbage collection and on `limit`. A gauge is read at once, as pointers
 * are tracked (at each that is expected to bring 1 MiB, at every eighth at least), when memory is reclaimed and by
 * {@link stats} and {@link memoryUsage}, never while a C call made through the drop-in is on the stack, and charged by
 * the difference. It is read in this thread until it is closed or the thread ends; for what counts the whole process,
 * one thread should read it.
 *
 * The bytes are beside those of tracked pointers: give what the gauge counts the size 0 there. Those that are not in the
 * resident memory, as of a GPU, make `terms.rest` of {@link memoryUsage} smaller; unless the gauge has a budget or a limit
 * of its own. Then it is another memory: it is collected for by itself, and is in no other sum and no other limit.
 *
 * @param label - Its name in {@link stats}; need not be unique.
 * @param source - The address of a C function `int64_t f(void)` or `size_t f(void)`, or a function that returns bytes. If
 *   it throws, or returns no safe non-negative integer, what it told before stands, `failed` in {@link stats} grows, a
 *   warning is emitted once per label, and the diagnostics channel `ffi-tally:gauge-error` gets `{ label, error }`.
 * @param options - `budget`: bytes by which it may grow before a collection is asked for; default: that of
 *   {@link configure}. `limit`: bytes that it may not pass by a new pointer, which is freed then, after collections and
 *   {@link Settings.onPressure}, with `ERR_TALLY_LIMIT` that names the gauge; default: `Infinity`.
 * @throws `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_INVALID_ARG_VALUE`, `ERR_TALLY_UNKNOWN_OPTION`.
 *
 * @example
 * ```js
 * gauge('vram', cuda.symbol('vram_used'), { limit: 8e9 });
 * gauge('sqlite', require('koffi').load('libsqlite3.so.0').symbol('sqlite3_memory_used'));
 * ```
 */
export function gauge(
  label: string,
  source: NativeAddress | (() => number | bigint),
  options?: { budget?: number | bigint; limit?: number | bigint },
): Gauge;

/** The options of {@link meteredAllocator}. */
export interface MeteredAllocatorOptions {
  /** Its name in {@link stats}. In one process there is one metered allocator of that label, whichever thread asks. */
  label: string;
  /**
   * Whether every free is checked: memory of somebody else is not freed, memory of another metered allocator is given
   * back to that one, and either is announced by a warning, once for each pair of labels, and every time on the
   * diagnostics channel `ffi-tally:foreign-free` as `{ address, freedBy, allocatedBy, again }`. Costs a lock and a
   * look-up each time. Default: `false`.
   */
  checked?: boolean | undefined;
}

/**
 * What {@link meteredAllocator} returns: addresses of C functions for the allocator hooks of a library. They are valid
 * until the process ends, from any thread, also after the end of the worker that asked for them. They allocate as
 * `malloc()` does: what one of them has allocated may be freed by `free()` of the C library, but then stays counted.
 *
 * Which of them fits which library: `docs/choosing-a-size.md`.
 */
export interface MeteredAllocator {
  readonly label: string;
  readonly checked: boolean;

  /** `void *malloc(size_t bytes)`. Also where more arguments follow: PCRE2, OpenSSL. */
  readonly malloc: bigint;
  /** `void *calloc(size_t count, size_t size)` */
  readonly calloc: bigint;
  /** `void *realloc(void *block, size_t bytes)`; to 0 bytes it frees. Also where more arguments follow. */
  readonly realloc: bigint;
  /** `void free(void *block)`. Also where more arguments follow. */
  readonly free: bigint;
  /** `char *strdup(const char *string)` */
  readonly strdup: bigint;

  /** `void *realloc(void *block, size_t oldBytes, size_t bytes)`: GMP. */
  readonly sizedRealloc: bigint;
  /** `void free(void *block, size_t bytes)`: GMP. */
  readonly sizedFree: bigint;

  /** `void *malloc(void *context, size_t bytes)`: libpng, zstd, FreeType. The context is ignored. */
  readonly contextMalloc: bigint;
  /** `void *calloc(void *context, unsigned count, unsigned size)`: zlib, bzip2. */
  readonly contextCalloc: bigint;
  /** `void *realloc(void *context, void *block, size_t bytes)` */
  readonly contextRealloc: bigint;
  /** `void *realloc(void *context, long oldBytes, long bytes, void *block)`: FreeType. */
  readonly contextSizedRealloc: bigint;
  /** `void free(void *context, void *block)` */
  readonly contextFree: bigint;

  /** `void *alloc(void *context, void *block, size_t oldBytes, size_t bytes)`: Lua. */
  readonly single: bigint;

  /** A `struct sqlite3_mem_methods`, for `SQLITE_CONFIG_MALLOC`. */
  readonly sqlite3MemMethods: bigint;
  /** An `XML_Memory_Handling_Suite`, for `XML_ParserCreate_MM()`. */
  readonly expatSuite: bigint;
}

/**
 * Counts what a C library allocates, to the byte and in all threads, by way of the hooks that it has for an allocator.
 * One environment, the first that asks and is alive, is charged for it like for tracked pointers: it counts for garbage
 * collection, for `limit` and in {@link stats}, where it is looked at when pointers are tracked and when memory is
 * reclaimed. It is memory beside that of tracked pointers: give those the size `'metered'`, or the bytes count twice.
 *
 * Give the functions to the library before it allocates anything: most do not tell when that was too late. What was
 * allocated before is not counted, and freed all the same; if more is freed than was allocated, a warning says so.
 *
 * @throws `ERR_TALLY_INVALID_ARG_TYPE`, `ERR_TALLY_UNKNOWN_OPTION`; `ERR_TALLY_INVALID_ARG_VALUE` if there is one of that
 *   label that is checked and this should not be, or the other way round; `ERR_TALLY_UNSUPPORTED` for more than 32 labels
 *   in a process, or where the C allocator does not tell the size of a block.
 *
 * @example
 * ```js
 * const meter = meteredAllocator({ label: 'libxml2' });
 * const xml = require('koffi').load('libxml2.so.2');
 * const setup = xml.func('int xmlMemSetup(void *free, void *malloc, void *realloc, void *strdup)');
 * setup(meter.free, meter.malloc, meter.realloc, meter.strdup);
 * ```
 */
export function meteredAllocator(options: MeteredAllocatorOptions): MeteredAllocator;

/**
 * `koffi` with ownership in its prototypes: what `ffi-tally/koffi` exports, for a Koffi that goes by another name.
 * Typed in full as the function of the same name in `ffi-tally/koffi`.
 *
 * @throws `ERR_TALLY_INVALID_ARG_TYPE` for what is no Koffi.
 *
 * @example
 * ```js
 * const koffi = withOwnership(require('koffi'));
 * ```
 */
export function withOwnership<K extends { load: unknown; pointer: unknown }>(
  koffi: K,
): K & { owned(name: string, type: unknown, options: object): unknown };

/**
 * The codes of all errors that this library throws. Codes are API; the texts of messages are not. Errors of Koffi
 * pass unchanged. When each is thrown and what to do: `docs/errors.md`.
 */
export type TallyErrorCode =
  | 'ERR_TALLY_DESTRUCTOR'
  | 'ERR_TALLY_DISPOSED'
  | 'ERR_TALLY_GIVEN_TWICE'
  | 'ERR_TALLY_ILLEGAL_CONSTRUCTOR'
  | 'ERR_TALLY_INVALID_ARG_TYPE'
  | 'ERR_TALLY_INVALID_ARG_VALUE'
  | 'ERR_TALLY_IN_USE'
  | 'ERR_TALLY_LEAK'
  | 'ERR_TALLY_LIMIT'
  | 'ERR_TALLY_NO_BINDING'
  | 'ERR_TALLY_NO_CALLER'
  | 'ERR_TALLY_NO_KOFFI'
  | 'ERR_TALLY_NO_LIBFFI'
  | 'ERR_TALLY_NO_NODE_FFI'
  | 'ERR_TALLY_NO_VIEWS'
  | 'ERR_TALLY_NULL_POINTER'
  | 'ERR_TALLY_OUT_OF_MEMORY'
  | 'ERR_TALLY_OUT_OF_BOUNDS'
  | 'ERR_TALLY_OVERFLOW'
  | 'ERR_TALLY_SIZE'
  | 'ERR_TALLY_SIZE_REQUIRED'
  | 'ERR_TALLY_TAKEN_OVER'
  | 'ERR_TALLY_TRACKED_TWICE'
  | 'ERR_TALLY_TYPE_MISMATCH'
  | 'ERR_TALLY_UNBALANCED'
  | 'ERR_TALLY_UNKNOWN_OPTION'
  | 'ERR_TALLY_UNKNOWN_SYMBOL'
  | 'ERR_TALLY_UNSUPPORTED';

/** Any error of this library: a `TypeError`, `RangeError`, `ReferenceError` or `Error` with a code. */
export interface TallyError extends Error {
  readonly code: TallyErrorCode;
  /** Where the documentation tells when it is thrown, why, and what to do. */
  readonly help: string;
}
