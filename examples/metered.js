'use strict';
// XML documents to the byte, without a size function: libxml2 allocates through a meter, and each document gets what the
// call that made it has allocated, strings, dictionary and tree.

const koffi = require('ffi-tally/koffi');
const { meteredAllocator, stats } = require('ffi-tally');

const xml = koffi.load(process.platform === 'darwin' ? 'libxml2.dylib' : 'libxml2.so.2');

// Before anything else: what the library holds from before would be freed through the meter uncounted.
const meter = meteredAllocator({ label: 'libxml2' });
const setup = xml.func('int xmlMemSetup(void *free, void *malloc, void *realloc, void *strdup)');
if (setup(meter.free, meter.malloc, meter.realloc, meter.strdup) !== 0) throw new Error('libxml2 refuses');

koffi.opaque('xmlDoc');
koffi.opaque('xmlNode');
koffi.owned('Document', 'xmlDoc *', { free: 'xmlFreeDoc', size: 'metered' });

const parse = xml.func(
  'Document xmlReadMemory(const char *text, int bytes, const char *url, const char *encoding, int options)',
);
const rootOf = xml.func('xmlNode *xmlDocGetRootElement(xmlDoc *document)', { keeps: 0 });

const read = (text) => parse(text, Buffer.byteLength(text), 'inline.xml', null, 0);
const counted = () => stats().meters[0].bytes;

read('<a/>').dispose(); // what the library keeps for itself comes with the first one
const before = counted();
const document = read(`<list>${'<item>text</item>'.repeat(1000)}</list>`);
console.log(`one document has all that was allocated: ${document.size === counted() - before}`);
document.dispose();
console.log(`freed, all is back: ${counted() === before}`);

// Dropped without a word. V8 hears of the trees behind the pointers, and collects in time.
function readOften(count) {
  const text = `<list>${'<item>text</item>'.repeat(10_000)}</list>`;
  for (let i = 0; i < count; i++) rootOf(read(text));
}

readOften(200);
const [{ peakBytes }] = stats().meters;
console.log(`200 documents, peak below 256 MB: ${peakBytes < 256 * 2 ** 20}`);
