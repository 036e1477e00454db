'use strict';
// Runs every row of the page of headers in docs/ownership.md.

const fs = require('node:fs');
const path = require('node:path');
const tally = require('../../../lib');
const binding = require('../../../lib/binding');
const { expectBalance } = require('../../support/balance.js');
const { isKoffi2, koffi, things } = require('./setup.js');

const { TrackedPointer, collect, stats } = tally;
const page = fs.readFileSync(path.join(__dirname, '../../../docs/ownership.md'), 'utf8');
const [, section] = /^## From a header to a prototype\n(.*?)^## /ms.exec(page);
const [, types] = /^```js\n(.*?)^```$/ms.exec(section);
const ROW = /^\| `([^`]+)` +\| `([^`]+)`(?:, `([^`]+)`)? +\| (.+?) +\|$/gm;
const rows = [...section.matchAll(ROW)].map(([, header, prototype, options, who]) => {
  return { name: /(\w+)\(/.exec(prototype)[1], header, prototype, options, who };
});

const isHere = process.platform === 'linux' && binding.canBind && binding.backend === 'native';

if (isHere) {
  const modules = { 'ffi-tally/koffi': koffi, 'ffi-tally': tally };
  new Function('require', types)((name) => modules[name]);
}

const load = (name) => {
  try {
    return koffi.load(name, { deep: true });
  } catch {
    return undefined;
  }
};
const libc = isHere ? load('libc.so.6') : undefined;
const LIBRARIES = [
  [/^sqlite3_/, 'libsqlite3.so.0'],
  [/^xml/, 'libxml2.so.2'],
  [/^XML_/, 'libexpat.so.1'],
  [/^g_/, 'libglib-2.0.so.0'],
];
const AVUTIL = [57, 60, 59, 58, 56].map((version) => `libavutil.so.${version}`);

function libraryOf(name) {
  if (name.startsWith('av_')) return AVUTIL.map(load).find((found) => found !== undefined);
  const [, file] = LIBRARIES.find(([pattern]) => pattern.test(name)) ?? [];
  return file === undefined ? libc : load(file);
}

/** The function of a row. */
function declared(name) {
  const { prototype, options } = rows.find((row) => row.name === name);
  const more = options === undefined ? [] : [new Function(`return ${options}`)()];
  return libraryOf(name).func(prototype, ...more);
}

const isMine = (value) => expect(value).toBeInstanceOf(TrackedPointer);
/** A new pointer of a row. */
const made = (name, ...args) => {
  const value = declared(name)(...args);
  isMine(value);
  return value;
};
/** What C stores there. */
const stored = (name, args, at) => {
  const box = [null];
  expect(declared(name)(...args.slice(0, at), box, ...args.slice(at))).toBe(0);
  isMine(box[0]);
  return box[0];
};
const block = () => made('malloc', 100);
const database = () => stored('sqlite3_open', [':memory:'], 1);
const statement = (db, sql) => stored('sqlite3_prepare_v2', [db, sql, -1, null], 3);
const step = () => libraryOf('sqlite3_').func('int sqlite3_step(sqlite3_stmt *s)');
const document = () => made('xmlReadMemory', '<a/>', 4, null, null, 0);
/** Whether something that JavaScript has given away is there: it is, while `keeper` is. */
const isKept = (pointer, keeper) => {
  pointer.dispose();
  expect(stats().dead.pointers).toBe(1);
  keeper.dispose();
  expect(stats().dead.pointers).toBe(0);
};
const both = () => {
  const box = [null, null];
  expect(declared('pipe')(box)).toBe(0);
  return box;
};

const RUNS = {
  malloc: () => block().dispose(),
  free() {
    const p = block();
    declared('free')(p);
    expect(p.disposed).toBe(true);
  },
  memset() {
    const p = block();
    declared('memset')(p, 7, 100);
    expect([p.disposed, koffi.decode(p, 99, 'uint8_t')]).toEqual([false, 7]);
    p.dispose();
  },
  realloc() {
    const p = block();
    const larger = made('realloc', p, 1000);
    expect(p.disposed).toBe(true);
    larger.dispose();
  },
  posix_memalign() {
    stored('posix_memalign', [64, 100], 0).dispose();
    expect(declared('posix_memalign')([null], 3, 100)).not.toBe(0);
  },
  getline() {
    const file = made('fopen', __filename, 'r');
    const line = [null];
    declared('getline')(line, [0], file);
    expect(koffi.decode(line[0], 'char', -1)).toBe("'use strict';\n");
    line[0].dispose();
    file.dispose();
  },
  strdup: () => expect(declared('strdup')('text')).toBe('text'),
  getenv: () => expect(declared('getenv')('PATH')).toBe(process.env.PATH),
  strchr() {
    const text = block();
    koffi.encode(text, 'char', 'key=value', 10);
    const found = made('strchr', text, '='.charCodeAt(0));
    isKept(text, found);
  },
  getcwd() {
    made('getcwd', null, 0).dispose();
    expect(declared('getcwd')(Buffer.alloc(4096), 4096)).not.toBeInstanceOf(TrackedPointer);
  },
  qsort() {
    const numbers = block();
    koffi.encode(numbers, 'int', [3, 1, 2], 3);
    declared('qsort')(numbers, 3, 4, (a, b) => koffi.decode(a, 'int') - koffi.decode(b, 'int'));
    expect([...koffi.decode(numbers, 'int', 3)]).toEqual([1, 2, 3]);
    numbers.dispose();
  },
  fopen() {
    expect(declared('fopen')('/no/such/file', 'r')).toBe(null);
    made('fopen', __filename, 'r').dispose();
  },
  fclose() {
    const file = made('fopen', __filename, 'r');
    expect(declared('fclose')(file)).toBe(0);
    expect(file.disposed).toBe(true);
  },
  fmemopen() {
    const text = block();
    isKept(text, made('fmemopen', text, 100, 'w'));
    made('fmemopen', Buffer.alloc(10), 10, 'r').dispose();
  },
  setvbuf() {
    const [file, buffer] = [made('fopen', __filename, 'r'), block()];
    expect(declared('setvbuf')(file, buffer, 0, 100)).toBe(0);
    isKept(buffer, file);
  },
  mmap() {
    made('mmap', null, 4096, 3, 0x22, -1, 0).dispose();
    expect(declared('mmap')(null, 4096, 3, 2, 999, 0)).toBe(null);
  },
  open() {
    made('open', __filename, 0).dispose();
    expect(declared('open')('/no/such/file', 0)).toBe(null);
  },
  pipe: () => both().forEach((each) => each.dispose()),
  close() {
    const file = made('open', __filename, 0);
    expect(declared('close')(file)).toBe(0);
    expect(file.disposed).toBe(true);
  },
  iconv_open() {
    made('iconv_open', 'UTF-8', 'UTF-16').dispose();
    expect(declared('iconv_open')('no', 'such')).toBe(null);
  },
  getaddrinfo() {
    stored('getaddrinfo', ['127.0.0.1', null, null], 3).dispose();
    expect(declared('getaddrinfo')('not:an:address', null, null, [null])).not.toBe(0);
  },
  regcomp() {
    expect(declared('regcomp')([null], '(', 1)).not.toBe(0);
    stored('regcomp', ['^a*$', 0], 0).dispose();
  },
  regexec() {
    const regex = stored('regcomp', ['^a*$', 0], 0);
    const matches = declared('regexec');
    expect([matches(regex, 'aa', 0, null, 0), matches(regex, 'b', 0, null, 0)]).toEqual([0, 1]);
    regex.dispose();
  },
  sqlite3_open: () => database().dispose(),
  sqlite3_close() {
    const db = database();
    expect(declared('sqlite3_close')(db)).toBe(0);
    expect(db.disposed).toBe(true);
  },
  sqlite3_prepare_v2() {
    const db = database();
    isKept(db, statement(db, 'SELECT 1'));
  },
  sqlite3_bind_blob() {
    const db = database();
    const insert = statement(db, 'SELECT ?');
    const [first, second] = [block(), block()];
    const bind = declared('sqlite3_bind_blob');
    expect([bind(insert, 1, first, 3, null), bind(insert, 1, second, 3, null)]).toEqual([0, 0]);
    first.dispose(); // nobody has it any more
    isKept(second, insert);
    db.dispose();
  },
  sqlite3_column_text() {
    const db = database();
    const select = statement(db, "SELECT 'text'");
    step()(select);
    expect(declared('sqlite3_column_text')(select, 0)).toBe('text');
    for (const each of [select, db]) each.dispose();
  },
  sqlite3_exec() {
    const db = database();
    const message = [null];
    expect(declared('sqlite3_exec')(db, 'no SQL', null, null, message)).not.toBe(0);
    expect(message[0]).toContain('syntax error');
    db.dispose();
  },
  xmlReadMemory: () => document().dispose(),
  xmlDocGetRootElement() {
    const doc = document();
    isKept(doc, made('xmlDocGetRootElement', doc));
  },
  XML_MemMalloc() {
    const free = 'XML_ParserFree';
    const create = libraryOf('XML_').func('XML_Parser *XML_ParserCreate(const char *encoding)', {
      free,
      size: 1,
    });
    const parser = create(null);
    isKept(parser, made('XML_MemMalloc', parser, 100));
  },
  av_frame_alloc: () => made('av_frame_alloc').dispose(),
  g_bytes_ref() {
    const create = libraryOf('g_').func('Bytes g_bytes_new(const void *data, size_t size)');
    const bytes = create(Buffer.alloc(10), 10);
    const again = made('g_bytes_ref', bytes);
    expect(again.address).toBe(bytes.address);
    for (const each of [bytes, again]) each.dispose();
  },
};

beforeEach(things.reset);
afterEach(expectBalance);

test('there is a run for each row, and a row for each', () => {
  expect(rows.map(({ name }) => name)).toEqual(Object.keys(RUNS));
  expect(rows.length).toBeGreaterThanOrEqual(25);
});

(isHere ? describe : describe.skip)('the row of', () => {
  const some = rows.filter(({ name }) => !(isKoffi2 && name === 'pipe'));

  test.each(some.map(({ name, who }) => [name, who]))('%s: %s', (name) => {
    if (libraryOf(name) === undefined) {
      process.emitWarning(`the library of ${name}() is not installed: it is not tested`);
      return;
    }
    RUNS[name]();
    collect();
  });
});
