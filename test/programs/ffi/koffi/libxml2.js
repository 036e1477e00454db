'use strict';
// libxml2 through the drop-in, and what its meter and our books say. A program that requires this ends, and says that the
// library is missing, where it is.

const { stats, withOwnership } = require('../../../../lib');

const koffi = withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi'));

function load() {
  try {
    return koffi.load(process.platform === 'darwin' ? 'libxml2.dylib' : 'libxml2.so.2');
  } catch {
    console.log('missing');
    return process.exit(0);
  }
}

const xml = load();
koffi.opaque('xmlDoc');
koffi.opaque('xmlDtd');

const text = `<list>${'<item id="1">text</item>'.repeat(1000)}</list>`;

/** A function that reads `text` into a document of an owned type, of about half a megabyte. */
function reader(name) {
  const read = xml.func(
    `${name} xmlReadMemory(const char *text, int n, const char *url, const char *encoding, int options)`,
  );
  return () => read(text, text.length, 'a.xml', null, 0);
}

/** Has the library allocate by a meter. */
function hook({ free, malloc, realloc, strdup }) {
  xml.func('int xmlMemSetup(void *free, void *malloc, void *realloc, void *strdup)')(
    free,
    malloc,
    realloc,
    strdup,
  );
}

module.exports = {
  koffi,
  xml,
  hook,
  reader,
  live: () => stats().meters[0].bytes,
  account: (wanted) => stats().accounts.find(({ label }) => label === wanted),
};
