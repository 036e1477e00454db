'use strict';
// Libraries as people use them. One that is not installed is skipped, and says so.

const fs = require('node:fs');
const { ADDRESS_OF, POINTER, SIZE, collect, stats } = require('../../../lib');
const binding = require('../../../lib/binding');
const { boundByBudget, errorOf } = require('../../support/balance.js');
const { gcUntil } = require('../../support/gc-until.js');
const { koffi, unique } = require('./setup.js');

const isMac = process.platform === 'darwin';
const isLinux = process.platform === 'linux';

function tryLoad(linux, mac) {
  const name = isMac ? mac : linux;
  try {
    // Node exports the functions of a zlib and a zstd of its own: without `deep` these libraries would call those for
    // their own.
    return koffi.load(name, { deep: true });
  } catch {
    process.emitWarning(`${name} is not installed: it is not tested`);
    return null;
  }
}

const MB = 2 ** 20;
let refused = 0; // destructors that were to fail
const residentBytes = () =>
  Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;

afterEach(() => {
  collect();
  expect(stats()).toMatchObject({ bytes: 0, pointers: 0, reported: 0, dead: { bytes: 0, pointers: 0 } });
  expect(stats().totals.failed).toBe(refused);
});

/** Has V8 collect what nobody keeps, and use its memory for something else. */
async function reuseGarbage(size) {
  const garbage = (() => new WeakRef(Buffer.alloc(size, 1).buffer))();
  await gcUntil('what nobody keeps is collected', () => garbage.deref() === undefined);
  for (let i = 0; i < 20; i++) Buffer.alloc(size, 0xee);
}

const sqlite = tryLoad('libsqlite3.so.0', 'libsqlite3.dylib');
(sqlite === null ? describe.skip : describe)('libsqlite3', () => {
  const [Db, Stmt, Database, Statement] = ['sqlite3', 'sqlite3_stmt', 'Database', 'Statement'].map(unique);
  let open, prepare, step, columnInt, exec, close, finalize, nextStatement, memoryUsed;

  beforeAll(() => {
    koffi.opaque(Db);
    koffi.opaque(Stmt);
    koffi.owned(Database, `${Db} *`, { free: 'sqlite3_close', size: 64 * 1024 });
    koffi.owned(Statement, `${Stmt} *`, { free: 'sqlite3_finalize', size: 4096, parent: 0 });
    open = sqlite.func(`int sqlite3_open(const char *file, _Out_ ${Database} *db)`);
    prepare = sqlite.func(
      `int sqlite3_prepare_v2(${Db} *db, const char *sql, int n, _Out_ ${Statement} *statement, void *tail)`,
    );
    step = sqlite.func(`int sqlite3_step(${Stmt} *statement)`);
    columnInt = sqlite.func(`int sqlite3_column_int(${Stmt} *statement, int column)`);
    exec = sqlite.func(`int sqlite3_exec(${Db} *db, const char *sql, void *cb, void *data, void *error)`);
    close = sqlite.func(`int sqlite3_close(${Db} *db)`);
    finalize = sqlite.func(`int sqlite3_finalize(${Stmt} *statement)`);
    nextStatement = sqlite.func(`void *sqlite3_next_stmt(${Db} *db, void *statement)`);
    memoryUsed = sqlite.func('int64_t sqlite3_memory_used()');
  });

  const one = (func, ...args) => {
    const at = args.indexOf('out');
    const out = [null];
    args[at] = out;
    expect(func(...args)).toBe(0);
    return out[0];
  };
  const database = () => one(open, ':memory:', 'out');
  const statement = (db, sql) => one(prepare, db, sql, -1, 'out', null);

  test('a statement keeps its database', () => {
    const select = (() => statement(database(), 'SELECT 41 + 1'))();
    collect();
    collect();
    expect(step(select)).toBe(100);
    expect(columnInt(select, 0)).toBe(42);
    select.dispose();
  });

  test('a statement keeps the values that are bound to it and not copied', async () => {
    const bind = sqlite.func(
      `int sqlite3_bind_blob(${Stmt} *statement, int index, const void *value, int size, void *destructor)`,
      { keeps: { 0: 2 }, replaces: 1 },
    );
    const columnText = sqlite.func(`const char *sqlite3_column_text(${Stmt} *statement, int column)`);
    const select = (() => statement(database(), 'SELECT hex(substr(?1, 1, 4)) || hex(substr(?2, 1, 4))'))();
    const SIZE = 1e6;
    const values = new Map();
    const bindFresh = (index, byte) => {
      const value = Buffer.alloc(SIZE, byte);
      values.set(byte, new WeakRef(value.buffer));
      expect(bind(select, index, value, SIZE, null)).toBe(0); // SQLITE_STATIC
    };
    bindFresh(1, 0x11);
    bindFresh(2, 0x22);
    bindFresh(1, 0x33);
    await reuseGarbage(SIZE);
    expect(step(select)).toBe(100);
    expect(columnText(select, 0)).toBe('3333333322222222');
    await gcUntil('what was replaced is collected', () => values.get(0x11).deref() === undefined);
    select.dispose();
    await gcUntil('the others are', () => [...values.values()].every((value) => value.deref() === undefined));
  });

  test('closing the database first is deferred until the last statement is gone', () => {
    // sqlite3_close(), not _v2: it would refuse while there is a statement.
    const before = Number(memoryUsed());
    const db = database();
    const selects = [statement(db, 'SELECT 1'), statement(db, 'SELECT 2')];
    db.dispose();
    expect(db.disposed).toBe(true);
    for (const select of selects) {
      expect(step(select)).toBe(100);
      expect(Number(memoryUsed())).toBeGreaterThan(before);
      select.dispose();
    }
    expect(Number(memoryUsed())).toBe(before);
  });

  test('closed and finalized by hand, in any order', () => {
    const before = Number(memoryUsed());
    const db = database();
    const select = statement(db, 'SELECT 1');
    close(db);
    finalize(select);
    expect([db.disposed, select.disposed]).toEqual([true, true]);
    expect(Number(memoryUsed())).toBe(before);
  });

  test('a thousand databases with statements, all forgotten', () => {
    const before = Number(memoryUsed());
    (() => {
      for (let i = 0; i < 1000; i++) {
        const db = database();
        exec(db, 'CREATE TABLE t (a); INSERT INTO t VALUES (7)', null, null, null);
        const select = statement(db, 'SELECT a FROM t');
        step(select);
        if (columnInt(select, 0) !== 7) throw new Error('not what was stored');
      }
    })();
    collect();
    expect(Number(memoryUsed())).toBe(before);
  });

  test('an error leaves no statement behind', () => {
    const db = database();
    const out = [null];
    expect(prepare(db, 'NONSENSE', -1, out, null)).toBe(1);
    expect(out).toEqual([null]);
    expect(nextStatement(db, null)).toBe(null);
    db.dispose();
  });

  test('a statement for a database, and the other way round: a TypeError', () => {
    const db = database();
    const select = statement(db, 'SELECT 1');
    expect(errorOf(() => step(db)).code).toBe('ERR_TALLY_TYPE_MISMATCH');
    expect(errorOf(() => exec(select, '', null, null, null)).code).toBe('ERR_TALLY_TYPE_MISMATCH');
    select.dispose();
    db.dispose();
  });
});

const cairo = tryLoad('libcairo.so.2', 'libcairo.dylib');
(cairo === null ? describe.skip : describe)('libcairo', () => {
  test('a surface keeps the pixels that it paints', async () => {
    const create = cairo.func(
      'void *cairo_image_surface_create_for_data(void *data, int format, int width, int height, int stride)',
      { free: 'cairo_surface_destroy', size: 4096, keeps: 0 },
    );
    const data = cairo.func('void *cairo_image_surface_get_data(void *surface)', { keeps: 0 });
    const SIZE = 4 * 500 * 500;
    const surface = (() => create(Buffer.alloc(SIZE, 0x77), 0, 500, 500, 2000))();
    await reuseGarbage(SIZE);
    const pixels = (() => data(surface))();
    expect(new Set(koffi.decode(pixels, 'uint8_t', SIZE))).toEqual(new Set([0x77]));
    surface.dispose();
    expect(koffi.decode(pixels, 'uint8_t')).toBe(0x77);
    pixels.dispose();
  });
});

const freetype = tryLoad('libfreetype.so.6', 'libfreetype.dylib');
const FONT = '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf';
(freetype === null || !fs.existsSync(FONT) ? describe.skip : describe)('libfreetype', () => {
  test('a face keeps its library and the file that it was opened from', async () => {
    const [Library, Face, Ft, Document] = ['FT_Library', 'FT_Face', 'Ft', 'Document'].map(unique);
    koffi.opaque(Library);
    koffi.opaque(Face);
    koffi.owned(Ft, `${Library} *`, { free: 'FT_Done_FreeType', size: 4096 });
    koffi.owned(Document, `${Face} *`, { free: 'FT_Done_Face', size: 4096, parent: [0, 1] });
    const init = freetype.func(`int FT_Init_FreeType(_Out_ ${Ft} *library)`);
    const open = freetype.func(
      `int FT_New_Memory_Face(${Library} *library, const void *file, long size, long index, _Out_ ${Document} *face)`,
    );
    const setSize = freetype.func(`int FT_Set_Pixel_Sizes(${Face} *face, unsigned int w, unsigned int h)`);
    const load = freetype.func(`int FT_Load_Char(${Face} *face, unsigned long char, int32_t flags)`);
    const { size } = fs.statSync(FONT);
    const face = (() => {
      const [library, out] = [[null], [null]];
      expect(init(library)).toBe(0);
      // readFileSync() reads into a Buffer of its own, which nothing else keeps.
      expect(open(library[0], fs.readFileSync(FONT), size, 0, out)).toBe(0);
      library[0].dispose();
      return out[0];
    })();
    await reuseGarbage(size);
    expect(setSize(face, 0, 32)).toBe(0);
    for (const char of 'Whatever') expect(load(face, char.codePointAt(0), 4)).toBe(0);
    face.dispose();
  });
});
(sqlite === null || !binding.canBind ? describe.skip : describe)('libsqlite3 that refuses to close', () => {
  const [Db, Database] = ['sqlite3', 'Database'].map(unique);
  const BUSY = 5;
  let open, prepare, finalize, close, memoryUsed;

  beforeAll(() => {
    koffi.opaque(Db);
    koffi.owned(Database, `${Db} *`, {
      free: { symbol: 'sqlite3_close', ok: 0, retry: true },
      size: 64 * 1024,
    });
    open = sqlite.func(`int sqlite3_open(const char *file, _Out_ ${Database} *db)`);
    prepare = sqlite.func(
      `int sqlite3_prepare_v2(${Db} *db, const char *sql, int n, _Out_ void **statement, void *tail)`,
    );
    finalize = sqlite.func('int sqlite3_finalize(void *statement)');
    close = sqlite.func(`int sqlite3_close(${Db} *db)`);
    memoryUsed = sqlite.func('int64_t sqlite3_memory_used()');
  });

  // A statement that nobody tracks.
  const busy = () => {
    const [db, statement] = [[null], [null]];
    open(':memory:', db);
    prepare(db[0], 'SELECT 1', -1, statement, null);
    return [db[0], statement[0]];
  };
  const failed = () => stats().totals.failed;

  test('dispose() throws, and by hand it tells: the database stays until its statement is gone', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const before = [Number(memoryUsed()), failed()];
    const [db, statement] = busy();
    const error = errorOf(() => db.dispose());
    expect(error).toMatchObject({ code: 'ERR_TALLY_DESTRUCTOR', result: BUSY });
    expect([close(db), db.disposed, failed() - before[1]]).toEqual([BUSY, false, 2]);
    refused += 2;
    finalize(statement);
    db.dispose();
    expect([db.disposed, Number(memoryUsed())]).toEqual([true, before[0]]);
    const [other, last] = busy();
    finalize(last);
    expect([close(other), other.disposed, Number(memoryUsed())]).toEqual([0, true, before[0]]);
    await null; // it is announced, too
    warn.mockRestore();
  });
});

function tryLoadAny(names) {
  for (const name of names) {
    try {
      return koffi.load(name);
    } catch {
      // Another version.
    }
  }
  process.emitWarning(`${names[0]} is not installed: it is not tested`);
  return null;
}

const avutil = tryLoadAny(
  [57, 60, 59, 58, 56].map((version) => (isMac ? `libavutil.${version}.dylib` : `libavutil.so.${version}`)),
);
(avutil === null || !binding.canBind ? describe.skip : describe)(
  'libavutil, whose destructors take T **',
  () => {
    test('frames and references to buffers', () => {
      const [AVFrame, Frame, AVBufferRef, Buffer] = ['AVFrame', 'Frame', 'AVBufferRef', 'Buffer'].map(unique);
      koffi.opaque(AVFrame);
      koffi.opaque(AVBufferRef);
      koffi.owned(Frame, `${AVFrame} *`, {
        free: { symbol: 'av_frame_free', args: [ADDRESS_OF] },
        size: 1000,
      });
      koffi.owned(Buffer, `${AVBufferRef} *`, {
        free: { symbol: 'av_buffer_unref', args: [ADDRESS_OF] },
        size: (address, size) => size ?? 0,
      });
      const frame = avutil.func(`${Frame} av_frame_alloc()`);
      const freeFrame = avutil.func(`void av_frame_free(_Inout_ ${Frame} *frame)`);
      const buffer = avutil.func(`${Buffer} av_buffer_alloc(size_t size)`);
      const references = avutil.func(`int av_buffer_get_ref_count(const ${AVBufferRef} *buffer)`);
      const reference = avutil.func(`${Buffer} av_buffer_ref(const ${AVBufferRef} *buffer)`, { size: 0 });

      frame().dispose();
      const { disposed } = stats().totals;
      const [byHand] = [[frame()]];
      freeFrame(byHand);
      expect([byHand, stats().totals.disposed - disposed]).toEqual([[null], 1]);

      const first = buffer(4096);
      const second = reference(first);
      expect(references(first)).toBe(2);
      second.dispose();
      expect(references(first)).toBe(1);
      (() => reference(first))();
      expect(references(first)).toBe(2);
      collect();
      expect(references(first)).toBe(1);
      first.dispose();
    });
  },
);

const gd = tryLoad('libgd.so.3', 'libgd.dylib');
(gd === null ? describe.skip : describe)('libgd', () => {
  const [Image, Owned] = ['gdImage', 'OwnedImage'].map(unique);
  let create, setPixel, getPixel, destroy;

  beforeAll(() => {
    koffi.opaque(Image);
    koffi.owned(Owned, `${Image} *`, {
      free: 'gdImageDestroy',
      size: (_, width, height) => 4 * width * height,
    });
    create = gd.func(`${Owned} gdImageCreateTrueColor(int width, int height)`);
    setPixel = gd.func(`void gdImageSetPixel(${Image} *image, int x, int y, int color)`);
    getPixel = gd.func(`int gdImageGetPixel(${Image} *image, int x, int y)`);
    destroy = gd.func(`void gdImageDestroy(${Owned} image)`);
  });

  test('a thousand images, dropped in a synchronous loop, stay below a bound', () => {
    const start = isLinux ? residentBytes() : 0;
    let peak = 0;
    boundByBudget();
    (() => {
      for (let i = 0; i < 1000; i++) {
        const image = create(1000, 500);
        setPixel(image, 999, 499, i);
        if (getPixel(image, 999, 499) !== i) throw new Error('another pixel');
        peak = Math.max(peak, stats().bytes);
      }
    })();
    expect(peak).toBeLessThan(256 * MB);
    if (isLinux) expect(residentBytes() - start).toBeLessThan(512 * MB);
  });

  test('destroyed by hand', () => {
    const image = create(10, 10);
    destroy(image);
    expect(image.disposed).toBe(true);
    expect(stats().bytes).toBe(0);
  });
});

const xml = tryLoad('libxml2.so.2', 'libxml2.dylib');
(xml === null ? describe.skip : describe)('libxml2', () => {
  const [Doc, Node, Document] = ['xmlDoc', 'xmlNode', 'Document'].map(unique);
  let parse, root, child, name;

  beforeAll(() => {
    koffi.opaque(Doc);
    koffi.opaque(Node);
    koffi.owned(Document, `${Doc} *`, { free: 'xmlFreeDoc', size: (_, text, bytes) => 8 * bytes });
    parse = xml.func(
      `${Document} xmlReadMemory(const char *text, int bytes, const char *url, const char *encoding, int options)`,
    );
    root = xml.func(`${Node} *xmlDocGetRootElement(${Doc} *doc)`, { keeps: 0 });
    child = xml.func(`${Node} *xmlFirstElementChild(${Node} *node)`, { keeps: 0 });
    name = xml.func(`const char *xmlGetNodePath(${Node} *node)`);
  });

  test('a node keeps its document, through other nodes', () => {
    const text = '<a><b><c/></b></a>';
    const node = (() => child(child(root(parse(text, text.length, null, null, 0)))))();
    collect();
    collect();
    expect(name(node)).toBe('/a/b/c');
    node.dispose();
  });

  test('documents, forgotten', () => {
    const text = `<list>${'<item/>'.repeat(500)}</list>`;
    (() => {
      for (let i = 0; i < 500; i++) child(root(parse(text, text.length, null, null, 0)));
    })();
    collect();
    expect(stats().pointers).toBe(0);
  });

  test('what is no XML is null', () => {
    expect(parse('no', 2, null, null, 32 | 64)).toBe(null);
  });
});

const zstd = tryLoad('libzstd.so.1', 'libzstd.dylib');
(zstd === null ? describe.skip : describe)('libzstd', () => {
  test('a context says its own size, and is measured again after use', () => {
    const [Context, Owned] = ['ZSTD_CCtx', 'OwnedCCtx'].map(unique);
    koffi.opaque(Context);
    koffi.owned(Owned, `${Context} *`, { free: 'ZSTD_freeCCtx', size: 'ZSTD_sizeof_CCtx' });
    const create = zstd.func(`${Owned} ZSTD_createCCtx()`);
    const sizeOf = zstd.func(`size_t ZSTD_sizeof_CCtx(${Context} *context)`);
    const compress = zstd.func(
      `size_t ZSTD_compressCCtx(${Context} *c, _Out_ uint8_t *to, size_t n, const uint8_t *from, size_t m, int level)`,
      { resizes: 0 },
    );
    const context = create();
    const small = context.size;
    const [from, to] = [Buffer.alloc(100_000), Buffer.alloc(200_000)];
    expect(Number(compress(context, to, to.length, from, from.length, 19))).toBeLessThan(1000);
    expect(context.size).toBeGreaterThan(small);
    expect(context.size).toBe(Number(sizeOf(context)));
    expect(stats().bytes).toBe(context.size);
    context.dispose();
  });
});

describe('libc', () => {
  const libc = koffi.load(isMac ? 'libSystem.dylib' : 'libc.so.6');

  (binding.canBind ? test : test.skip)('mmap and munmap, which takes the size too', () => {
    const Mapping = unique('Mapping');
    koffi.owned(Mapping, 'void *', {
      free: { symbol: 'munmap', args: [POINTER, SIZE] },
      size: (_, hint, length) => length,
      invalid: -1n,
    });
    const mmap = libc.func(
      `${Mapping} mmap(void *hint, size_t length, int protection, int flags, int fd, long offset)`,
    );
    const fill = libc.func('void *memset(void *to, int value, size_t length)');
    const flags = isMac ? 0x1002 : 0x22;
    let peak = 0;
    boundByBudget();
    (() => {
      for (let i = 0; i < 150; i++) {
        fill(mmap(null, 4 * MB, 3, flags, -1, 0), i, 4 * MB);
        peak = Math.max(peak, stats().bytes);
      }
    })();
    expect(peak).toBeLessThan(256 * MB);
    const mapping = mmap(null, 4 * MB, 3, flags, -1, 0);
    const { address } = mapping;
    // The kernel makes one line of neighbours.
    const isMapped = () =>
      fs
        .readFileSync('/proc/self/maps', 'latin1')
        .split('\n')
        .map((line) => /^(\w+)-(\w+) /.exec(line))
        .some(
          (found) =>
            found !== null && BigInt(`0x${found[1]}`) <= address && address < BigInt(`0x${found[2]}`),
        );
    if (isLinux) expect(isMapped()).toBe(true);
    mapping.dispose();
    if (isLinux) expect(isMapped()).toBe(false);
    expect(mmap(null, MB, 3, 2, 999, 0)).toBe(null); // of a file that is not open: MAP_FAILED
  });

  (isLinux ? test : test.skip)('iconv_open, whose failure is -1', () => {
    const options = { free: 'iconv_close', size: 1000, invalid: -1 };
    const open = libc.func('void *iconv_open(const char *to, const char *from)', options);
    const converter = open('UTF-8', 'ISO-8859-1');
    expect(converter.size).toBe(1000);
    converter.dispose();
    expect(open('nonsense', 'also nonsense')).toBe(null);
  });

  test('strdup, as a string and as a pointer', () => {
    const Text = unique('Text');
    koffi.owned(Text, 'char *', { free: 'free' });
    expect(libc.func(`${Text} strdup(const char *text)`)('copied')).toBe('copied');
    const copy = libc.func('void *strdup(const char *text)', { free: 'free', size: 'malloc' })('copied');
    expect(copy.size).toBeGreaterThanOrEqual(7);
    expect(koffi.decode(copy, 'char', -1)).toBe('copied');
    copy.dispose();
  });

  test('realloc: taken and given', () => {
    const Block = unique('Block');
    koffi.owned(Block, 'void *', { free: 'free', size: 'malloc' });
    const malloc = libc.func(`${Block} malloc(size_t size)`);
    const realloc = libc.func(`${Block} realloc(${Block} block, size_t size)`);
    const small = malloc(100);
    koffi.encode(small, 'char', 'kept', 5);
    const large = realloc(small, 10 * MB);
    expect(small.disposed).toBe(true);
    expect(large.size).toBeGreaterThanOrEqual(10 * MB);
    expect(koffi.decode(large, 'char', -1)).toBe('kept');
    large.dispose();
  });

  (isMac ? test.skip : test)('getline: _Inout_, from NULL', () => {
    const [File, Stream, Block] = ['FILE', 'Stream', 'Block'].map(unique);
    koffi.opaque(File);
    koffi.owned(Stream, `${File} *`, { free: 'fclose', size: 4096 });
    koffi.owned(Block, 'void *', { free: 'free', size: 'malloc' });
    const fopen = libc.func(`${Stream} fopen(const char *path, const char *mode)`);
    const getline = libc.func(`int64_t getline(_Inout_ ${Block} *line, _Inout_ size_t *n, ${File} *stream)`);
    const stream = fopen(__filename, 'r');
    const [line, capacity] = [[null], [0]];
    const lines = [];
    for (let length; (length = Number(getline(line, capacity, stream))) !== -1;) {
      lines.push(koffi.decode(line[0], 'char', length));
      expect(line[0].size).toBeGreaterThanOrEqual(Number(capacity[0]));
    }
    expect(lines.join('')).toBe(fs.readFileSync(__filename, 'utf8'));
    expect(stats().pointers).toBe(2);
    line[0].dispose();
    stream.dispose();
  });

  (isMac ? test.skip : test)('open_memstream: a block that C stores when it is done', () => {
    const Block = unique('Block');
    koffi.owned(Block, 'void *', { free: 'free', size: 'malloc' });
    const openStream = libc.func('void *open_memstream(void *block, void *length)');
    const puts = libc.func('int fputs(const char *text, void *stream)');
    const fclose = libc.func('int fclose(void *stream)');
    const take = libc.func(`${Block} realloc(void *block, size_t length)`);
    const [block, length] = [
      koffi.alloc('int64_t', 1, { owned: true }),
      koffi.alloc('size_t', 1, { owned: true }),
    ];
    const stream = openStream(block, length);
    puts('written into memory', stream);
    fclose(stream);
    const stored = take(koffi.decode(block, 'void *'), Number(koffi.decode(length, 'size_t')));
    expect(koffi.decode(stored, 'char', 19)).toBe('written into memory');
    for (const pointer of [stored, block, length]) pointer.dispose();
  });

  (isMac ? test.skip : test)('fmemopen: a stream keeps the Buffer, which fclose() still writes', async () => {
    const fmemopen = libc.func('void *fmemopen(void *memory, size_t size, const char *mode)', {
      free: 'fclose',
      size: 4096,
      keeps: 0,
    });
    const puts = libc.func('int fputs(const char *text, void *stream)');
    const buffer = Buffer.alloc(1000);
    const kept = (() => {
      const memory = Buffer.alloc(MB);
      const stream = fmemopen(memory, MB, 'w');
      puts('nobody reads that', stream);
      return new WeakRef(memory.buffer);
    })();
    const stream = fmemopen(buffer, 1000, 'w');
    puts('written', stream);
    stream.dispose();
    expect(buffer.toString('utf8', 0, 7)).toBe('written');
    await gcUntil('both are collected', () => stats().pointers === 0 && kept.deref() === undefined);
  });

  test('qsort over memory of our own, with a callback of our own', () => {
    const [Compare, Any] = ['Compare', 'Any'].map(unique);
    koffi.proto(`int ${Compare}(const void *a, const void *b)`);
    koffi.owned(Any, 'void *', { free: null, size: 0 });
    const qsort = libc.func(`void qsort(void *array, size_t count, size_t size, ${Compare} *compare)`);
    const numbers = koffi.alloc('int', 5, { owned: true });
    koffi.encode(numbers, 'int', [5, 3, 1, 4, 2], 5);
    qsort(numbers, 5, 4, (a, b) => koffi.decode(a, 'int') - koffi.decode(b, 'int'));
    expect(Array.from(koffi.decode(numbers, 'int', 5))).toEqual([1, 2, 3, 4, 5]);
    numbers.dispose();
  });
});
