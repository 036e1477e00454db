'use strict';
// Calls within calls: each has its own share.

const assert = require('node:assert');
const { meteredAllocator } = require('../../../../lib');
const { hook, koffi, live, reader, xml } = require('./libxml2.js');

hook(meteredAllocator({ label: 'it' }));
koffi.owned('Document', 'xmlDoc *', { free: 'xmlFreeDoc', size: 'metered' });
koffi.proto('int Read(void *context, void *buffer, int length)');
const read = reader('Document');
const pull = xml.func(
  'Document xmlReadIO(Read *read, void *close, void *context, const char *url, const char *encoding, int options)',
);
read().dispose();
const before = live();
let inner;
const outer = pull(
  (context, buffer) => {
    if (inner !== undefined) return 0;
    inner = read();
    koffi.encode(buffer, koffi.array('uint8', 4), [60, 97, 47, 62]);
    return 4;
  },
  null,
  null,
  'a.xml',
  null,
  0,
);
assert(inner.size > 400_000);
assert(outer.size > 0 && outer.size < 10_000, `an empty element: ${outer.size}`);
assert.strictEqual(live() - before, inner.size + outer.size);
