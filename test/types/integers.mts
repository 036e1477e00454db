// Owned integers: a program of its own, because what it declares changes what its integer parameters take.
import { expectTypeOf } from 'expect-type';
import type { TrackedPointer } from 'ffi-tally';
import { load, owned } from 'ffi-tally/koffi';

declare global {
  namespace FfiTally {
    interface OwnedTypes {
      IntegerFile: 'int';
      IntegerImage: 'IntegerPicture *';
      IntegerRegex: 'regex_t';
    }
  }
}

declare const lib: ReturnType<typeof load>;
owned('IntegerFile', 'int', { free: 'close', invalid: -1 });
// @ts-expect-error -- it stands for another type
owned('IntegerFile', 'short', { free: 'close', invalid: -1 });

const open = lib.func('IntegerFile open(const char *path, int flags)');
const once = lib.func('int open(const char *path, int flags)', { free: 'close', invalid: -1 });
const wide = lib.func('create', 'uint64_t', [], { free: 'destroy' });
const image = lib.func('IntegerImage create()')();
const compiled: (TrackedPointer<'IntegerRegex'> | null)[] = [null];
lib.func('int regcomp(_Out_ IntegerRegex *regex, const char *text, int flags)', {
  gives: (code) => code === 0,
});
const file = open('a', 0);
expectTypeOf(file).toEqualTypeOf<TrackedPointer<'IntegerFile'> | null>();
expectTypeOf(once('a', 0)).toEqualTypeOf<TrackedPointer<'open()'> | null>();
expectTypeOf(wide()).toEqualTypeOf<TrackedPointer<'create()'> | null>();

const close = lib.func('int close(int file)');
const classic = lib.func('close', 'int', ['int64_t']);
expectTypeOf(close(1)).toEqualTypeOf<number>();
if (file !== null) {
  close(file);
  classic(file);
  // @ts-expect-error -- it is no memory
  lib.func('void *memset(IntegerPicture *image, int byte, size_t size)')(file, 0, 1);
  // @ts-expect-error -- it is no number that C could calculate with
  lib.func('double sqrt(double x)')(file);
}
// @ts-expect-error -- a pointer is no integer
if (image !== null) close(image);
const [regex] = compiled;
if (regex) lib.func('int regexec(const regex_t *regex, const char *text)')(regex, 'a');
// @ts-expect-error -- another struct
if (regex) lib.func('int show(const other_t *regex)')(regex);
