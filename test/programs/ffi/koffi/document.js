'use strict';
// A document, to the byte what the library frees, and what it grows by.

const assert = require('node:assert');
const { collect, meteredAllocator, stats } = require('../../../../lib');
const { account, hook, koffi, live, reader, xml } = require('./libxml2.js');

hook(meteredAllocator({ label: 'libxml2' }));
koffi.owned('Document', 'xmlDoc *', { free: 'xmlFreeDoc', size: 'metered' });
const read = reader('Document');
const subset = xml.func(
  'xmlDtd *xmlCreateIntSubset(xmlDoc *doc, const char *name, const char *id, const char *uri)',
  { resizes: 0 },
);
read().dispose(); // what the library keeps from the first one on
const before = live();
const document = read();
assert(document.size > 400_000);
assert.strictEqual(live() - before, document.size);
// Counted once: by the pointer, and not by the meter too.
assert.strictEqual(stats().outside, before);
assert.strictEqual(stats().bytes, document.size);
const { size } = document;
subset(document, 'list', 'x'.repeat(1000), 'y'.repeat(1000));
assert(document.size >= size + 2000);
assert.strictEqual(live() - before, document.size);
assert.strictEqual(stats().outside, before);
assert.strictEqual(account('Document').sizes, 'metered');
document.dispose();
assert.strictEqual(live(), before);
assert.strictEqual(stats().outside, before);
assert.strictEqual(stats().bytes, 0);
const documents = [1, 2, 3].map(() => read());
assert.strictEqual(
  live() - before,
  documents.reduce((sum, each) => sum + each.size, 0),
);
for (const each of documents) each.dispose();
(() => {
  for (let i = 0; i < 300; i++) read();
})();
assert(stats().peakBytes < 128e6);
collect();
assert.strictEqual(live(), before);
