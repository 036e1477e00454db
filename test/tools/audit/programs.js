'use strict';
// Programs that use real C libraries, each as it should be and with a leak. Code for runChild(); they print audit() and
// `truth`, the C side's own bytes.

const prelude = `
  process.env.FFI_TALLY_AUDIT = 'quiet';
  const { audit } = require('./lib/tools/audit');
  const { withOwnership } = require('./lib/ffi/koffi');
  const koffi = withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi'));
  const leaks = process.argv.includes('leak');
  const report = (truth) => console.log(JSON.stringify({ ...audit(), truth }));
`;

const xml = `${prelude}
  // libxml2's own books, for the truth. They have to be opened before anything else is done.
  const plain = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');
  const referee = plain.load('libxml2.so.2');
  const setup = referee.func('int xmlMemSetup(void *free, void *malloc, void *realloc, void *strdup)');
  setup(...['xmlMemFree', 'xmlMemMalloc', 'xmlMemRealloc', 'xmlMemoryStrdup'].map((name) =>
    plain.type === undefined ? referee.symbol(name, 'void *') : referee.symbol(name)));
  const used = referee.func('int xmlMemUsed()');

  koffi.opaque('xmlDoc');
  koffi.opaque('xmlNode');
  const lib = koffi.load('libxml2.so.2');
  const read = lib.func('xmlDoc *xmlReadMemory(const char *text, int size, const char *url, const char *encoding, int options)');
  const rootOf = lib.func('xmlNode *xmlDocGetRootElement(xmlDoc *doc)');
  const addChild = lib.func('xmlNode *xmlNewChild(xmlNode *parent, void *ns, const char *name, const char *content)');
  const free = lib.func('void xmlFreeDoc(xmlDoc *doc)');
  const text = '<list>' + ('<item>' + 'text '.repeat(4000) + '</item>').repeat(20) + '</list>';
  const before = used();
  for (let i = 0; i < 60; i++) {
    const doc = read(text, text.length, null, null, 0);
    const root = rootOf(doc);
    for (let k = 0; k < 3; k++) addChild(root, null, 'item', 'more '.repeat(400));
    if (!leaks) free(doc);
  }
  report(used() - before);
`;

const gd = `${prelude}
  koffi.opaque('gdImage');
  const lib = koffi.load('libgd.so.3');
  const create = lib.func('gdImage *gdImageCreateTrueColor(int width, int height)');
  const draw = lib.func('void gdImageFilledRectangle(gdImage *image, int x, int y, int w, int h, int color)');
  const destroy = lib.func('void gdImageDestroy(gdImage *image)');
  let bytes = 0;
  for (let i = 0; i < 40; i++) {
    const image = create(1000, 500);
    draw(image, 0, 0, 10, 10, 0xff0000);
    if (leaks && i % 4 !== 0) bytes += 4 * 1000 * 500;
    else destroy(image);
  }
  report(bytes);
`;

const libc = `${prelude}
  const lib = koffi.load(process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6');
  const strdup = lib.func((leaks ? 'char *' : 'char *!') + ' strdup(const char *text)');
  const text = 'x'.repeat(100_000);
  for (let i = 0; i < 400; i++) strdup(text);
  report(leaks ? 400 * 100_001 : 0);
`;

module.exports = { prelude, xml, gd, libc };
