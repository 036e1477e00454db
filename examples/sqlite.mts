// SQLite in TypeScript: an error of the compiler, not of the program, where a pointer goes where it does not belong. Node 22.18
// and later run it as it is; before that, tsx does.

import { stats } from 'ffi-tally';
import koffi, { type Out, type TrackedPointer } from 'ffi-tally/koffi';

declare global {
  namespace FfiTally {
    interface OwnedTypes {
      Database: 'sqlite3 *';
      Statement: 'sqlite3_stmt *';
    }
  }
}
type Database = TrackedPointer<'Database'>;
type Statement = TrackedPointer<'Statement'>;

const sqlite = koffi.load(process.platform === 'darwin' ? 'libsqlite3.dylib' : 'libsqlite3.so.0');
koffi.opaque('sqlite3');
koffi.opaque('sqlite3_stmt');
koffi.owned('Database', 'sqlite3 *', { free: 'sqlite3_close', size: 100_000 });
koffi.owned('Statement', 'sqlite3_stmt *', { free: 'sqlite3_finalize', size: 10_000, parent: 0 });

const OK = 0;
const ROW = 100;
const open = sqlite.func('int sqlite3_open(const char *name, _Out_ Database *db)');
const prepare = sqlite.func(
  'int sqlite3_prepare_v2(sqlite3 *db, const char *sql, int bytes, _Out_ Statement *statement, void *tail)',
);
const bind = sqlite.func(
  'int sqlite3_bind_text(sqlite3_stmt *statement, int index, const char *text, int bytes, void *destructor)',
);
const step = sqlite.func('int sqlite3_step(sqlite3_stmt *statement)');
const textOf = sqlite.func('const char *sqlite3_column_text(sqlite3_stmt *statement, int column)');

/** What a C function has left in its place. */
function given<T>(status: number, [value]: Out<T>): T {
  if (status !== OK || value === null) throw new Error(`SQLite says ${status}`);
  return value;
}

const databases: Out<Database> = [null];
const database = given(open(':memory:', databases), databases);
const statements: Out<Statement> = [null];
const statement = given(prepare(database, 'select upper(?)', -1, statements, null), statements);

const TRANSIENT = -1; // SQLite copies the text
bind(statement, 1, 'apple', -1, TRANSIENT);
if (step(statement) === ROW) console.log(textOf(statement, 0)?.toLowerCase());

// @ts-expect-error -- a database is no statement
const mistake = () => step(database);

database.dispose({ children: true }); // its statements, too
console.log(`left: ${stats().pointers}`);
