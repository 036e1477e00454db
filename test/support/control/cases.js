'use strict';
// What libraries are asked for, of control.c and of Koffi: [file, destructor, maker, arguments, calls with the object]. The
// arguments are numbers, strings, null, OUT for where the object is stored, { bytes } for memory of zeroes, or { maker, text, free }
// for what another function makes of a text, and the call takes.

const { containers } = require('../build.js')();

const OUT = Symbol('out');
const text = (count) => `[${Array.from({ length: count }, (_, i) => `{"key${i}":"value ${i}"}`).join()}]`;
const markup = `<list>${'<item name="a">text</item>'.repeat(200)}</list>`;

const CASES = {
  'vector of strings': [containers, 'free_strings', 'make_strings', [100], ['add_string']],
  'freed on a thread': [containers, 'free_strings', 'make_strings', [100], ['clear_strings']],
  'map of strings': [containers, 'free_map', 'make_map', [100]],
  ifstream: [containers, 'free_stream', 'make_stream', ['/dev/null']],
  'over-aligned': [containers, 'free_aligned', 'make_aligned', []],
  libgd: ['libgd.so.3', 'gdImageDestroy', 'gdImageCreateTrueColor', [640, 480]],
  jansson: ['libjansson.so.4', 'json_delete', 'json_loads', [text(200), 0, null]],
  'jansson, taken': [
    'libjansson.so.4',
    'json_delete',
    'json_object',
    [],
    ...['a', 'b', 'c'].map((key) => [
      'json_object_set_new',
      key,
      { maker: 'json_string', text: markup, free: 'json_delete' },
    ]),
    ['json_object_del', 'b'],
  ],
  'libxml2, taken': [
    'libxml2.so.2',
    'xmlFreeNode',
    'xmlNewNode',
    [null, 'root'],
    ...['one', 'two'].map((text) => ['xmlAddChild', { maker: 'xmlNewComment', text, free: 'xmlFreeNode' }]),
  ],
  'json-c, taken': [
    'libjson-c.so.5',
    'json_object_put',
    'json_object_new_array',
    [],
    ...['a', 'b'].map(() => [
      'json_object_array_add',
      { maker: 'json_object_new_string', text: markup, free: 'json_object_put' },
    ]),
    ['json_object_array_del_idx', 0, 1],
  ],
  'cJSON, taken': [
    'libcjson.so.1',
    'cJSON_Delete',
    'cJSON_CreateArray',
    [],
    ...[text(100), text(10)].map((json) => [
      'cJSON_AddItemToArray',
      { maker: 'cJSON_Parse', text: json, free: 'cJSON_Delete' },
    ]),
    ['cJSON_DeleteItemFromArray', 1],
  ],
  'plist, taken': [
    'libplist-2.0.so.3',
    'plist_free',
    'plist_new_dict',
    [],
    ['plist_dict_set_item', 'key', { maker: 'plist_new_string', text: markup, free: 'plist_free' }],
  ],
  libical: [
    'libical.so.3',
    'icalcomponent_free',
    'icalparser_parse_string',
    [`BEGIN:VCALENDAR\r\n${'BEGIN:VEVENT\r\nSUMMARY:text\r\nEND:VEVENT\r\n'.repeat(20)}END:VCALENDAR\r\n`],
  ],
  capstone: ['libcapstone.so.4', 'cs_close*', 'cs_open', [3, 8, OUT]],
  leptonica: ['liblept.so.5', 'pixDestroy*', 'pixCreate', [300, 300, 32]],
  gsl: ['libgsl.so.27', 'gsl_matrix_free', 'gsl_matrix_alloc', [100, 100]],
  bson: ['libbson-1.0.so.0', 'bson_destroy', 'bson_new_from_json', [`{"list":${text(100)}}`, -1, null]],
  sqlite: [
    'libsqlite3.so.0',
    'sqlite3_close',
    'sqlite3_open',
    [':memory:', OUT],
    ['sqlite3_exec', 'create table t(x)', null, null, null],
    ['sqlite3_exec', `insert into t values (hex(zeroblob(20000)))`, null, null, null],
  ],
  libxml2: ['libxml2.so.2', 'xmlFreeDoc', 'xmlReadDoc', [markup, null, null, 0]],
  expat: [
    'libexpat.so.1',
    'XML_ParserFree',
    'XML_ParserCreate',
    [null],
    ['XML_Parse', markup, markup.length, 0],
  ],
  'json-c': ['libjson-c.so.5', 'json_object_put', 'json_tokener_parse', [text(200)]],
  cairo: ['libcairo.so.2', 'cairo_surface_destroy', 'cairo_image_surface_create', [0, 500, 500]],
  libarchive: [
    'libarchive.so.13',
    'archive_read_free',
    'archive_read_new',
    [],
    ['archive_read_support_format_all'],
  ],
  harfbuzz: [
    'libharfbuzz.so.0',
    'hb_buffer_destroy',
    'hb_buffer_create',
    [],
    ['hb_buffer_add_utf8', markup, -1, 0, -1],
  ],
  freetype: ['libfreetype.so.6', 'FT_Done_FreeType', 'FT_Init_FreeType', [OUT]],
  pcre2: [
    'libpcre2-8.so.0',
    'pcre2_code_free_8',
    'pcre2_compile_8',
    ['(a+)(b|c)*d', -1, 0, { bytes: 8 }, { bytes: 8 }, null],
  ],
  libevent: ['libevent-2.1.so.7', 'event_base_free', 'event_base_new', []],
  lmdb: ['liblmdb.so.0', 'mdb_env_close', 'mdb_env_create', [OUT]],
  lz4: ['liblz4.so.1', 'LZ4_freeStream', 'LZ4_createStream', []],
  opus: ['libopus.so.0', 'opus_encoder_destroy', 'opus_encoder_create', [48000, 2, 2049, null]],
  duktape: ['libduktape.so.207', 'duk_destroy_heap', 'duk_create_heap', [null, null, null, null, null]],
  avutil: ['libavutil.so.57', 'av_frame_free*', 'av_frame_alloc', []],
  magic: ['libmagic.so.1', 'magic_close', 'magic_open', [0], ['magic_load', null]],
  mpg123: ['libmpg123.so.0', 'mpg123_delete', 'mpg123_new', [null, null]],
  z3: ['libz3.so.4', 'Z3_del_config', 'Z3_mk_config', []],
  llvm: ['libLLVM-14.so.1', 'LLVMContextDispose', 'LLVMContextCreate', []],
  gcrypt: ['libgcrypt.so.20', 'gcry_md_close', 'gcry_md_open', [OUT, 8, 0]],
  flac: ['libFLAC.so.12', 'FLAC__stream_encoder_delete', 'FLAC__stream_encoder_new', []],
  webp: ['libwebp.so.7', 'WebPIDelete', 'WebPINewDecoder', [null]],
  krb5: ['libkrb5.so.3', 'krb5_free_context', 'krb5_init_context', [OUT]],
  gnutls: [
    'libgnutls.so.30',
    'gnutls_certificate_free_credentials',
    'gnutls_certificate_allocate_credentials',
    [OUT],
  ],
  fontconfig: ['libfontconfig.so.1', 'FcPatternDestroy', 'FcPatternCreate', []],
  pixman: [
    'libpixman-1.so.0',
    'pixman_image_unref',
    'pixman_image_create_bits',
    [0x20028888, 300, 300, null, 0],
  ],
  openjpeg: ['libopenjp2.so.7', 'opj_destroy_codec', 'opj_create_compress', [2]],
  udev: ['libudev.so.1', 'udev_unref', 'udev_new', []],
  isl: ['libisl.so.23', 'isl_ctx_free', 'isl_ctx_alloc', []],
  lua: ['liblua5.4.so.0', 'lua_close', 'luaL_newstate', []],
  jq: ['libjq.so.1', 'jq_teardown*', 'jq_init', []],
  ssh2: ['libssh2.so.1', 'libssh2_session_free', 'libssh2_session_init_ex', [null, null, null, null]],
  postgres: ['libpq.so.5', 'PQconninfoFree', 'PQconndefaults', []],
  wayland: ['libwayland-server.so.0', 'wl_event_loop_destroy', 'wl_event_loop_create', []],
  usb: ['libusb-1.0.so.0', 'libusb_exit', 'libusb_init', [OUT]],
  zstd: ['libzstd.so.1', 'ZSTD_freeCCtx', 'ZSTD_createCCtx', []],
  cares: ['libcares.so.2', 'ares_destroy', 'ares_init', [OUT]],
  brotli: [
    'libbrotlienc.so.1',
    'BrotliEncoderDestroyInstance',
    'BrotliEncoderCreateInstance',
    [null, null, null],
  ],
  openssl: ['libcrypto.so.3', 'EVP_MD_CTX_free', 'EVP_MD_CTX_new', []],
  nghttp2: ['libnghttp2.so.14', 'nghttp2_option_del', 'nghttp2_option_new', [OUT]],
  'archive-write': [
    'libarchive.so.13',
    'archive_write_free',
    'archive_write_new',
    [],
    ['archive_write_set_format_zip'],
  ],
  'xml-parser': ['libxml2.so.2', 'xmlFreeParserCtxt', 'xmlNewParserCtxt', []],
};

// Libraries whose functions Node exports, too.
const DEEP = ['zstd', 'cares', 'brotli', 'openssl', 'nghttp2'];

const word = (value) => {
  if (value === OUT) return 'out';
  if (value === null) return 'null';
  if (value.maker !== undefined) return `m:${value.maker}=${value.text}`;
  if (typeof value === 'object') return `b:${value.bytes}`;
  return typeof value === 'string' ? `s:${value}` : `i:${value}`;
};

/** What control.c is given, for `count` objects of a case. */
function argumentsOf([file, free, maker, args, ...calls], count) {
  const more = calls.flatMap(([name, ...rest]) => ['--', name, ...rest.map(word)]);
  return [file, free, String(count), maker, ...args.map(word), ...more];
}

module.exports = { CASES, DEEP, OUT, argumentsOf };
