'use strict';
// XML documents, whose size nobody states. Three ways to a size, from the most exact to the simplest:
//   - ask the allocator, where the whole thing is one block ('malloc'): a tree of nodes is not;
//   - a function of the arguments: a parsed tree takes a multiple of its text, measured once (here about 8);
//   - a number: a guess of the right order of magnitude still lets the garbage collector know that something is there.

const koffi = require('ffi-tally/koffi');
const { collect, stats } = require('ffi-tally');

const xml = koffi.load(process.platform === 'darwin' ? 'libxml2.dylib' : 'libxml2.so.2');

const TREE_PER_BYTE_OF_TEXT = 8;

koffi.opaque('xmlDoc');
koffi.opaque('xmlNode');
koffi.owned('Document', 'xmlDoc *', {
  free: 'xmlFreeDoc',
  size: (document, text, bytes) => TREE_PER_BYTE_OF_TEXT * bytes,
});

const parse = xml.func(
  'Document xmlReadMemory(const char *text, int bytes, const char *url, const char *encoding, int options)',
);
// Nodes are part of their document: a node keeps it, and frees nothing.
const rootOf = xml.func('xmlNode *xmlDocGetRootElement(xmlDoc *document)', { keeps: 0 });
const firstChild = xml.func('xmlNode *xmlFirstElementChild(xmlNode *node)', { keeps: 0 });
const nextSibling = xml.func('xmlNode *xmlNextElementSibling(xmlNode *node)', { keeps: 0 });

// Strings that the caller must free: Koffi makes a JavaScript string of it, and the original is freed at once. xmlFree
// is a variable with a function in it.
koffi.owned('XmlString', 'char *', { free: koffi.decode(xml.symbol('xmlFree'), 'void *') });
const contentOf = xml.func('XmlString xmlNodeGetContent(xmlNode *node)');

function read(text) {
  return parse(text, Buffer.byteLength(text), 'inline.xml', null, 0);
}

function* elements(parent) {
  for (let node = firstChild(parent); node !== null; node = nextSibling(node)) yield node;
}

// The document itself is dropped at once; its nodes keep it.
const root = (() =>
  rootOf(read('<fruits><fruit>apple</fruit><fruit>pear</fruit><fruit>fig</fruit></fruits>')))();
collect();
const names = () => [...elements(root)].map((node) => contentOf(node));
console.log(names().join(', '));
console.log(`not XML: ${parse('no', 2, 'inline.xml', null, 32 | 64)}`); // quietly

function readOften(count) {
  const text = `<list>${'<item>text</item>'.repeat(1000)}</list>`;
  for (let i = 0; i < count; i++) {
    const item = firstChild(rootOf(read(text)));
    if (contentOf(item) !== 'text') throw new Error('a document was freed too early');
  }
}

readOften(1000);
console.log(`1000 documents, peak below 256 MB: ${stats().peakBytes < 256 * 2 ** 20}`);
root.dispose();
collect();
console.log(`documents and nodes left: ${stats().pointers}`);
