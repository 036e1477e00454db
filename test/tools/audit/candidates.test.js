/** @jest-environment ./test/support/once.js */
'use strict';
// Names of functions as real libraries have them, and what is guessed to free what they give.

const koffi = require('koffi');
const { guessedFree } = require('../../../lib/tools/audit/candidates.js');

const code =
  process.platform === 'linux' ? koffi.address(koffi.load('libc.so.6').symbol('free', 'void *')) : 4096n;

function guess({ name, type, out, exported }) {
  return guessedFree({
    name,
    ...(out ? { signature: `int ${name}(_Out_ ${type} **object)` } : { gives: 'pointer', base: type }),
    symbol: (wanted) => (exported.includes(wanted) ? code : undefined),
  });
}

test.each([
  ['gdImageCreateTrueColor', 'gdImage', 'gdImageDestroy', ['gdFree']],
  ['xmlReadMemory', 'xmlDoc', 'xmlFreeDoc', ['xmlCleanupParser']],
  ['xmlXPathEvalExpression', 'xmlXPathObject', 'xmlXPathFreeObject', ['xmlXPathFreeContext']],
  ['curl_easy_init', 'CURL', 'curl_easy_cleanup', ['curl_free']],
  ['XML_ParserCreate', 'XML_ParserStruct', 'XML_ParserFree', ['XML_MemFree']],
  ['g_list_append', 'GList', 'g_list_free', ['g_free']],
  ['g_hash_table_new', 'GHashTable', 'g_hash_table_destroy', ['g_free']],
  ['pcre2_compile_8', 'pcre2_code', 'pcre2_code_free_8', ['pcre2_match_data_free_8']],
  ['circle_new', 'Shape', 'shape_delete', []],
  ['cairo_create', 'cairo_t', 'cairo_destroy', ['cairo_surface_destroy']],
])('%s(), which gives a %s: %s()', (name, type, free, others) => {
  expect(guess({ name, type, exported: [...others, free] })).toBe(free);
});

test.each([
  ['sqlite3_open', 'sqlite3', 'sqlite3_close', ['sqlite3_free']],
  ['sqlite3_open_v2', 'sqlite3', 'sqlite3_close_v2', ['sqlite3_free']],
  ['FT_New_Face', 'FT_FaceRec', 'FT_Done_Face', ['FT_Done_Library']],
])('%s(), which stores a %s: %s()', (name, type, free, others) => {
  expect(guess({ name, type, out: true, exported: [...others, free] })).toBe(free);
});

test('what only looks something up frees nothing', () => {
  expect(guess({ name: 'foo_get_name', type: 'void', exported: ['foo_free'] })).toBeUndefined();
});
