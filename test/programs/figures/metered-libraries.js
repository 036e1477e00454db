'use strict';
// The hooks of real libraries. Run with the name of one, it has that library allocate by a meter, and when the library has
// given everything back, so must the meter have. Prints nothing, or 'missing'.
//   node test/programs/figures/metered-libraries.js NAME [checked]

const assert = require('node:assert');

const isMac = process.platform === 'darwin';

const libraries = [
  {
    name: 'libxml2, xmlMemSetup()',
    library: isMac ? 'libxml2.dylib' : 'libxml2.so.2',
    run({ library, live, meter, stats }) {
      const setup = library.func('int xmlMemSetup(void *free, void *malloc, void *realloc, void *strdup)');
      assert.strictEqual(setup(meter.free, meter.malloc, meter.realloc, meter.strdup), 0);
      const read = library.func(
        'void *xmlReadMemory(const char *text, int n, const char *url, const char *enc, int options)',
      );
      const free = library.func('void xmlFreeDoc(void *doc)');
      const text = '<list>' + '<item id="1">text</item>'.repeat(1000) + '</list>';
      const first = read(text, text.length, 'a.xml', null, 0);
      const one = live();
      const second = read(text, text.length, 'a.xml', null, 0);
      assert(live() - one > 100 * 1000, 'a document of 3001 nodes');
      assert.strictEqual(stats().outside, live());
      free(second);
      assert.strictEqual(live(), one);
      free(first);
      library.func('void xmlCleanupParser()')();
    },
  },
  {
    name: 'libcurl, curl_global_init_mem()',
    library: isMac ? 'libcurl.dylib' : 'libcurl.so.4',
    run({ library, live, meter }) {
      const init = library.func(
        'int curl_global_init_mem(long flags, void *m, void *f, void *r, void *s, void *c)',
      );
      assert.strictEqual(init(3, meter.malloc, meter.free, meter.realloc, meter.strdup, meter.calloc), 0);
      const easy = library.func('void *curl_easy_init()')();
      const before = live();
      const escape = library.func('void *curl_easy_escape(void *handle, const char *text, int length)');
      const escaped = escape(easy, 'a b'.repeat(10000), 0);
      assert(live() - before >= 50000);
      library.func('void curl_free(void *text)')(escaped);
      library.func('void curl_easy_cleanup(void *handle)')(easy);
      library.func('void curl_global_cleanup()')();
    },
  },
  {
    name: 'libuv, uv_replace_allocator()',
    library: isMac ? 'libuv.dylib' : 'libuv.so.1',
    run({ library, live, meter }) {
      const replace = library.func(
        'int uv_replace_allocator(void *malloc, void *realloc, void *calloc, void *free)',
      );
      assert.strictEqual(replace(meter.malloc, meter.realloc, meter.calloc, meter.free), 0);
      const loop = Buffer.alloc(Number(library.func('size_t uv_loop_size()')()));
      assert.strictEqual(library.func('int uv_loop_init(void *loop)')(loop), 0);
      assert(live() > 0);
      assert.strictEqual(library.func('int uv_loop_close(void *loop)')(loop), 0);
      library.func('void uv_library_shutdown()')();
    },
  },
  {
    name: 'GMP, mp_set_memory_functions()',
    library: isMac ? 'libgmp.dylib' : 'libgmp.so.10',
    run({ library, live, meter }) {
      const set = library.func('void __gmp_set_memory_functions(void *alloc, void *realloc, void *free)');
      set(meter.malloc, meter.sizedRealloc, meter.sizedFree);
      const number = Buffer.alloc(16);
      library.func('void __gmpz_init(void *z)')(number);
      const power = library.func(
        'void __gmpz_ui_pow_ui(void *z, unsigned long base, unsigned long exponent)',
      );
      power(number, 3, 1000);
      assert(live() >= 1584 / 8 && live() < 4096, 'a number of 1585 bits');
      power(number, 3, 1000000);
      assert(live() >= 1584962 / 8);
      library.func('void __gmpz_clear(void *z)')(number);
    },
  },
  {
    name: 'zlib, zalloc and zfree',
    library: isMac ? 'libz.dylib' : 'libz.so.1',
    run({ koffi, library, live, meter, pointer }) {
      koffi.struct('z_stream', {
        next_in: 'void *',
        avail_in: 'uint',
        total_in: 'ulong',
        next_out: 'void *',
        avail_out: 'uint',
        total_out: 'ulong',
        msg: 'void *',
        state: 'void *',
        zalloc: 'void *',
        zfree: 'void *',
        opaque: 'void *',
        data_type: 'int',
        adler: 'ulong',
        reserved: 'ulong',
      });
      const version = library.func('const char *zlibVersion()')();
      const init = library.func('int deflateInit_(void *stream, int level, const char *version, int size)');
      const stream = koffi.alloc('z_stream', 1);
      koffi.encode(stream, 'z_stream', {
        zalloc: pointer(meter.contextCalloc),
        zfree: pointer(meter.contextFree),
      });
      assert.strictEqual(init(stream, 9, version, koffi.sizeof('z_stream')), 0);
      assert(live() > 250_000, '256 KB for windowBits 15 and memLevel 8');
      assert.strictEqual(library.func('int deflateEnd(void *stream)')(stream), 0);
    },
  },
  {
    name: 'bzip2, bzalloc and bzfree',
    library: isMac ? 'libbz2.dylib' : 'libbz2.so.1.0',
    run({ koffi, library, live, meter, pointer }) {
      koffi.struct('bz_stream', {
        next_in: 'void *',
        avail_in: 'uint',
        total_in_lo: 'uint',
        total_in_hi: 'uint',
        next_out: 'void *',
        avail_out: 'uint',
        total_out_lo: 'uint',
        total_out_hi: 'uint',
        state: 'void *',
        bzalloc: 'void *',
        bzfree: 'void *',
        opaque: 'void *',
      });
      const stream = koffi.alloc('bz_stream', 1);
      koffi.encode(stream, 'bz_stream', {
        bzalloc: pointer(meter.contextCalloc),
        bzfree: pointer(meter.contextFree),
      });
      const init = library.func(
        'int BZ2_bzCompressInit(void *stream, int size, int verbosity, int workFactor)',
      );
      assert.strictEqual(init(stream, 9, 0, 0), 0);
      assert(live() > 7_000_000, '400k + 8 x 900k');
      assert.strictEqual(library.func('int BZ2_bzCompressEnd(void *stream)')(stream), 0);
    },
  },
  {
    name: 'libpng, png_create_read_struct_2()',
    library: isMac ? 'libpng16.dylib' : 'libpng16.so.16',
    run({ library, live, meter }) {
      const version = library.func('const char *png_get_libpng_ver(void *png)')(null);
      const create = library.func(
        'void *png_create_read_struct_2(const char *version, void *error_data, void *error, void *warn, void *memory, void *malloc, void *free)',
      );
      const png = create(version, null, null, null, null, meter.contextMalloc, meter.contextFree);
      assert(live() > 500);
      library.func('void png_destroy_read_struct(_Inout_ void **png, void *info, void *end)')(
        [png],
        null,
        null,
      );
    },
  },
  {
    name: 'Lua, lua_newstate()',
    library: isMac ? 'liblua5.4.dylib' : 'liblua5.4.so.0',
    run({ library, live, meter }) {
      const state = library.func('void *lua_newstate(void *allocate, void *data)')(meter.single, null);
      library.func('void luaL_openlibs(void *state)')(state);
      const collect = library.func('int lua_gc(void *state, int what, ...)');
      const before = live();
      const load = library.func('int luaL_loadstring(void *state, const char *code)');
      const call = library.func(
        'int lua_pcallk(void *state, int args, int results, int handler, long context, void *k)',
      );
      assert.strictEqual(load(state, 'kept = {} for i = 1, 1000 do kept[i] = ("x"):rep(1000) .. i end'), 0);
      assert.strictEqual(call(state, 0, 0, 0, 0, null), 0);
      collect(state, 2); // LUA_GCCOLLECT
      const counted = 1024 * collect(state, 3); // LUA_GCCOUNT, in whole KB
      assert(live() - before > 1_000_000);
      assert(live() >= counted && live() < 1.1 * counted, `${live()} against ${counted} of Lua's own`);
      library.func('void lua_close(void *state)')(state);
    },
  },
  {
    name: 'SQLite, SQLITE_CONFIG_MALLOC',
    library: isMac ? 'libsqlite3.dylib' : 'libsqlite3.so.0',
    run({ library, live, meter, pointer }) {
      const config = library.func('int sqlite3_config(int option, ...)');
      assert.strictEqual(config(4, 'void *', pointer(meter.sqlite3MemMethods)), 0);
      const used = library.func('int64_t sqlite3_memory_used()');
      const out = [null];
      assert.strictEqual(
        library.func('int sqlite3_open(const char *file, _Out_ void **db)')(':memory:', out),
        0,
      );
      const exec = library.func(
        'int sqlite3_exec(void *db, const char *sql, void *cb, void *data, void *error)',
      );
      const many =
        'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO t SELECT randomblob(1000) FROM n';
      assert.strictEqual(exec(out[0], 'CREATE TABLE t (a); ' + many, null, null, null), 0);
      assert(live() > 1_000_000);
      assert.strictEqual(live(), Number(used()), 'to the byte what SQLite says');
      assert.strictEqual(library.func('int sqlite3_close(void *db)')(out[0]), 0);
      assert.strictEqual(library.func('int sqlite3_shutdown()')(), 0);
    },
  },
  {
    name: 'zstd, ZSTD_customMem',
    library: isMac ? 'libzstd.dylib' : 'libzstd.so.1',
    run({ koffi, library, live, meter, pointer }) {
      koffi.struct('ZSTD_customMem', { customAlloc: 'void *', customFree: 'void *', opaque: 'void *' });
      const create = library.func('void *ZSTD_createCCtx_advanced(ZSTD_customMem memory)');
      const context = create({
        customAlloc: pointer(meter.contextMalloc),
        customFree: pointer(meter.contextFree),
        opaque: null,
      });
      const compress = library.func(
        'size_t ZSTD_compressCCtx(void *context, void *to, size_t capacity, void *from, size_t size, int level)',
      );
      const size = library.func('size_t ZSTD_sizeof_CCtx(void *context)');
      compress(context, Buffer.alloc(200_000), 200_000, Buffer.alloc(100_000), 100_000, 3);
      const own = Number(size(context));
      assert(own > 500_000);
      assert(live() >= own && live() < own + 4096, `${live()} against ${own} of zstd's own`);
      library.func('size_t ZSTD_freeCCtx(void *context)')(context);
    },
  },
  {
    name: 'Expat, XML_Memory_Handling_Suite',
    library: isMac ? 'libexpat.dylib' : 'libexpat.so.1',
    run({ library, live, meter }) {
      const create = library.func(
        'void *XML_ParserCreate_MM(const char *encoding, void *suite, const char *separator)',
      );
      const parser = create(null, meter.expatSuite, null);
      assert(live() > 1000);
      const text = '<a>' + '<b c="d">e</b>'.repeat(10000) + '</a>';
      const before = live();
      assert.strictEqual(
        library.func('int XML_Parse(void *parser, const char *text, int length, int final)')(
          parser,
          text,
          text.length,
          1,
        ),
        1,
      );
      assert(live() > before);
      library.func('void XML_ParserFree(void *parser)')(parser);
    },
  },
  {
    name: 'PCRE2, a general context, whose data comes last',
    library: isMac ? 'libpcre2-8.dylib' : 'libpcre2-8.so.0',
    run({ library, live, meter }) {
      const create = library.func(
        'void *pcre2_general_context_create_8(void *malloc, void *free, void *data)',
      );
      const general = create(meter.malloc, meter.free, null);
      const context = library.func('void *pcre2_compile_context_create_8(void *general)')(general);
      const compile = library.func(
        'void *pcre2_compile_8(const char *pattern, size_t length, uint32_t options, int *error, size_t *offset, void *context)',
      );
      const code = compile('(a|b)*'.repeat(100), 600, 0, Buffer.alloc(4), Buffer.alloc(8), context);
      assert(live() > 1000);
      library.func('void pcre2_code_free_8(void *code)')(code);
      library.func('void pcre2_compile_context_free_8(void *context)')(context);
      library.func('void pcre2_general_context_free_8(void *general)')(general);
    },
  },
  {
    name: 'FreeType, FT_MemoryRec',
    library: isMac ? 'libfreetype.dylib' : 'libfreetype.so.6',
    run({ koffi, library, live, meter, pointer }) {
      koffi.struct('FT_MemoryRec', { user: 'void *', alloc: 'void *', free: 'void *', realloc: 'void *' });
      const memory = koffi.alloc('FT_MemoryRec', 1);
      koffi.encode(memory, 'FT_MemoryRec', {
        user: null,
        alloc: pointer(meter.contextMalloc),
        free: pointer(meter.contextFree),
        realloc: pointer(meter.contextSizedRealloc),
      });
      const out = [null];
      assert.strictEqual(
        library.func('int FT_New_Library(void *memory, _Out_ void **library)')(memory, out),
        0,
      );
      library.func('void FT_Add_Default_Modules(void *library)')(out[0]);
      assert(live() > 1000);
      assert.strictEqual(library.func('int FT_Done_Library(void *library)')(out[0]), 0);
    },
  },
  {
    name: 'Jansson, json_set_alloc_funcs()',
    library: isMac ? 'libjansson.dylib' : 'libjansson.so.4',
    run({ library, live, meter }) {
      library.func('void json_set_alloc_funcs(void *malloc, void *free)')(meter.malloc, meter.free);
      const array = library.func('void *json_array()')();
      const append = library.func('int json_array_append_new(void *array, void *value)');
      const string = library.func('void *json_string(const char *text)');
      for (let i = 0; i < 1000; i++) append(array, string('x'.repeat(100)));
      assert(live() > 100_000);
      library.func('void json_delete(void *json)')(array);
    },
  },
];

function load(koffi, name) {
  try {
    // Node exports the functions of its own zlib, zstd, libuv and OpenSSL.
    return koffi.load(name, { deep: true });
  } catch {
    console.log('missing');
    return process.exit(0);
  }
}

function main(wanted, checked) {
  const koffi = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');
  const { meteredAllocator, stats } = require('../../../lib');
  const { library: file, run } = libraries.find(({ name }) => name === wanted);
  const library = load(koffi, file);
  const meter = meteredAllocator({ label: 'it', checked: checked === 'checked' });
  const seen = () => stats().meters.find(({ label }) => label === 'it');
  const pointer = (value) =>
    koffi.type === undefined && value !== 0n ? koffi.decode(new BigUint64Array([value]), 'void *') : value;
  run({ koffi, library, live: () => seen().bytes, meter, pointer, stats });
  const { bytes, blocks, foreign, peakBytes, allocations } = seen();
  assert.deepStrictEqual({ bytes, blocks, foreign }, { bytes: 0, blocks: 0, foreign: 0 });
  assert(peakBytes > 0 && allocations > 0);
  assert.strictEqual(stats().outside, 0);
}

if (require.main === module) main(...process.argv.slice(2));

module.exports = { libraries };
