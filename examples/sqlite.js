'use strict';
// SQLite: a statement keeps its database. Closing the database first is no mistake: it is closed after its last
// statement.

const koffi = require('ffi-tally/koffi');
const { collect, stats } = require('ffi-tally');

const lib = koffi.load(process.platform === 'darwin' ? 'libsqlite3.dylib' : 'libsqlite3.so.0');
const SQLITE_ROW = 100;

koffi.opaque('sqlite3');
koffi.opaque('sqlite3_stmt');

// Nobody tells what a database weighs. An estimate is enough for the garbage collector to get a move on.
koffi.owned('Database', 'sqlite3 *', { free: 'sqlite3_close_v2', size: 64 * 1024 });
koffi.owned('Statement', 'sqlite3_stmt *', { free: 'sqlite3_finalize', size: 4 * 1024, parent: 0 });

const open = lib.func('int sqlite3_open(const char *file, _Out_ Database *db)');
const prepare = lib.func(
  'int sqlite3_prepare_v2(sqlite3 *db, const char *sql, int bytes, _Out_ Statement *statement, void *tail)',
);
const exec = lib.func(
  'int sqlite3_exec(sqlite3 *db, const char *sql, void *callback, void *data, void *error)',
);
const step = lib.func('int sqlite3_step(sqlite3_stmt *statement)');
const bindInt = lib.func('int sqlite3_bind_int(sqlite3_stmt *statement, int index, int value)');
const columnText = lib.func('const char *sqlite3_column_text(sqlite3_stmt *statement, int column)');
const errorMessage = lib.func('const char *sqlite3_errmsg(sqlite3 *db)');

function openDatabase(file) {
  const out = [null];
  if (open(file, out) !== 0) throw new Error(`Cannot open ${file}: ${errorMessage(out[0])}`);
  return out[0];
}

function query(db, sql) {
  const out = [null];
  if (prepare(db, sql, -1, out, null) !== 0) throw new Error(errorMessage(db));
  return out[0];
}

const db = openDatabase(':memory:');
exec(
  db,
  `CREATE TABLE fruit (id INTEGER, name TEXT); INSERT INTO fruit VALUES (1, 'apple'), (2, 'pear')`,
  null,
  null,
  null,
);

const select = query(db, 'SELECT name FROM fruit WHERE id >= ? ORDER BY id');
db.dispose(); // SQLite closes it later: the statement still needs it
bindInt(select, 1, 1);
while (step(select) === SQLITE_ROW) console.log(columnText(select, 0));
console.log(`closed: ${db.disposed}, still in the books: ${stats().pointers}`);

select.dispose();
console.log(`after the last statement: ${stats().pointers}`);

// Nobody closes these.
function forget(count) {
  for (let i = 0; i < count; i++) query(openDatabase(':memory:'), 'SELECT 1');
}

forget(500);
collect();
console.log(`after 500 forgotten databases: ${stats().pointers}`);
console.log(`statements and databases closed by garbage collection: ${stats().totals.collected}`);
