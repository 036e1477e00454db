// What a library exports that has C functions; compile.test.js has its declarations written.
import koffi from 'ffi-tally/koffi';

declare global {
  namespace FfiTally {
    interface OwnedTypes {
      LibraryDatabase: 'sqlite3 *';
      LibraryText: 'char *';
    }
  }
}

const lib = koffi.load('libsqlite3.so.0');
export { lib };
export const Database = koffi.owned('LibraryDatabase', 'sqlite3 *', { free: 'sqlite3_close', size: 0 });
export const open = lib.func('int sqlite3_open(const char *name, _Out_ LibraryDatabase *database)');
export const close = lib.func('int sqlite3_close(LibraryDatabase database)');
export const exec = lib.func('int sqlite3_exec(sqlite3 *db, str sql, void *f, void *p, _Out_ char **error)');
export const fill = lib.func('void *fill(int *a, int8_t *b, char **c, _Out_ size_t *d, _Inout_ str *e)');
export const places = lib.func('LibraryDatabase f(_Out_ void **a, _Out_ LibraryText *b, Compare *c, ...)');
export const copy = lib.func('void *copy(const void *from, size_t size)', { free: 'free', size: 1 });
export const maybe = lib.func('void *copy(const void *from)', { free: 'free', size: 1, gives: () => true });
export const classic = lib.func('open', Database, ['str', koffi.out('LibraryDatabase *'), 'LibraryDatabase']);
export const owning = lib.func('open', 'void *', [koffi.inout('int *'), Database], { free: 'free', size: 1 });
export const place = koffi.out('LibraryDatabase *');
export const places2 = koffi.inout(koffi.pointer('int'));
export const cast = koffi.as([1], 'int *');
export const point = koffi.struct('LibraryPoint', { x: 'int', y: 'int' });
export const memory = koffi.alloc('int', 4, { owned: true });
export const callback = koffi.register(() => 1, 'F *', { owned: true });
export const meant = lib.func('int sqlite3_open(const char *name, _Out_ LibraryDatabse *database)');
