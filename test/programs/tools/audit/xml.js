'use strict';

const { koffi, leaks, report } = require('./setup.js');

// libxml2's own books, for the truth. They have to be opened before anything else is done.
const plain = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');
const referee = plain.load('libxml2.so.2');
const setup = referee.func('int xmlMemSetup(void *free, void *malloc, void *realloc, void *strdup)');
const theirs = ['xmlMemFree', 'xmlMemMalloc', 'xmlMemRealloc', 'xmlMemoryStrdup'];
setup(
  ...theirs.map((name) => (plain.type === undefined ? referee.symbol(name, 'void *') : referee.symbol(name))),
);
const used = referee.func('int xmlMemUsed()');

koffi.opaque('xmlDoc');
koffi.opaque('xmlNode');
const lib = koffi.load('libxml2.so.2');
const read = lib.func(
  'xmlDoc *xmlReadMemory(const char *text, int size, const char *url, const char *encoding, int options)',
);
const rootOf = lib.func('xmlNode *xmlDocGetRootElement(xmlDoc *doc)');
const addChild = lib.func(
  'xmlNode *xmlNewChild(xmlNode *parent, void *ns, const char *name, const char *content)',
);
const free = lib.func('void xmlFreeDoc(xmlDoc *doc)');
const text = `<list>${`<item>${'text '.repeat(4000)}</item>`.repeat(20)}</list>`;
const before = used();
for (let i = 0; i < 60; i++) {
  const doc = read(text, text.length, null, null, 0);
  const root = rootOf(doc);
  for (let k = 0; k < 3; k++) addChild(root, null, 'item', 'more '.repeat(400));
  if (!leaks) free(doc);
}
report(used() - before);
