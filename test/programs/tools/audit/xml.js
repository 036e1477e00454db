'use strict';

const { koffi, leaks, report } = require('./setup.js');

const binding = require('../../../../lib/binding');

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
const before = binding.allocatorBytes().inUse;
for (let i = 0; i < 60; i++) {
  const doc = read(text, text.length, null, null, 0);
  const root = rootOf(doc);
  for (let k = 0; k < 3; k++) addChild(root, null, 'item', 'more '.repeat(400));
  if (!leaks) free(doc);
}
report(binding.allocatorBytes().inUse - before);
