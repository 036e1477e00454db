'use strict';
// Sizes that nobody states: what the producing call allocates through a meter, or in the whole process. In processes of
// their own, where nobody else has set the hooks of libxml2.

const { Samples } = require('../../../lib/ownership/size/samples.js');
const { runChild } = require('../../support/child.js');

const library = process.platform === 'darwin' ? 'libxml2.dylib' : 'libxml2.so.2';
const prelude = `
  const assert = require('node:assert');
  const { withOwnership } = require('./lib');
  const koffi = withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi'));
  const { collect, configure, meteredAllocator, stats } = require('./lib');
  let xml;
  try {
    xml = koffi.load('${library}');
  } catch {
    console.log('missing');
    process.exit(0);
  }
  const libc = koffi.load(process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6');
  koffi.opaque('xmlDoc');
  koffi.opaque('xmlDtd');
  const hook = ({ free, malloc, realloc, strdup }) =>
    xml.func('int xmlMemSetup(void *free, void *malloc, void *realloc, void *strdup)')(free, malloc, realloc, strdup);
  const reader = (name) =>
    xml.func(name + ' xmlReadMemory(const char *text, int n, const char *url, const char *encoding, int options)');
  const text = '<list>' + '<item id="1">text</item>'.repeat(1000) + '</list>';
  const live = () => stats().meters[0].bytes;
  const account = (wanted) => stats().accounts.find(({ label }) => label === wanted);
`;

async function run(code) {
  const { stdout, ...rest } = await runChild(prelude + code);
  expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
  if (stdout !== 'missing\n') return expect(stdout).toBe('');
  if (process.env.CI === 'true') throw new Error(`${library} is not installed`);
  return process.emitWarning(`${library} is not installed: sizes by its hooks are not tested`);
}

test('a document, to the byte what the library frees, and what it grows by', () =>
  run(`
    hook(meteredAllocator({ label: 'libxml2' }));
    koffi.owned('Document', 'xmlDoc *', { free: 'xmlFreeDoc', size: 'metered' });
    const read = reader('Document');
    const subset = xml.func('xmlDtd *xmlCreateIntSubset(xmlDoc *doc, const char *name, const char *id, const char *uri)', { resizes: 0 });
    read(text, text.length, 'a.xml', null, 0).dispose(); // what the library keeps from the first one on
    const before = live();
    const document = read(text, text.length, 'a.xml', null, 0);
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
    const documents = [1, 2, 3].map(() => read(text, text.length, 'a.xml', null, 0));
    assert.strictEqual(live() - before, documents.reduce((sum, { size }) => sum + size, 0));
    for (const each of documents) each.dispose();
    (() => {
      for (let i = 0; i < 300; i++) read(text, text.length, 'a.xml', null, 0);
    })();
    assert(stats().peakBytes < 128e6);
    collect();
    assert.strictEqual(live(), before);
  `));

test('a document that goes from thread to thread is counted once, wherever it is', () =>
  run(`
    const { once } = require('node:events');
    const { Worker } = require('node:worker_threads');
    const { handOver, takeOver } = require('./lib');
    hook(meteredAllocator({ label: 'libxml2' }));
    koffi.owned('Document', 'xmlDoc *', { free: 'xmlFreeDoc', size: 'metered' });
    const read = reader('Document');
    const create = () => read(text, text.length, 'a.xml', null, 0);
    create().dispose();
    const rest = live();
    // What is where: in this thread's books, in all of them, on the way, and for the meter.
    const where = () => {
      const { bytes, outside } = stats();
      const all = stats({ scope: 'process' });
      assert.strictEqual(all.bytes + all.inTransit.bytes + all.outside, live());
      assert.strictEqual(outside, rest);
      return [bytes, all.bytes, all.inTransit.bytes];
    };
    const code = \`
      const { parentPort } = require('node:worker_threads');
      const { collect, handOver, takeOver } = require('./lib');
      const kept = [];
      const does = {
        take: (token) => void kept.push(takeOver(token)),
        dispose: () => kept.pop().dispose(),
        drop: () => { kept.length = 0; },
        collect,
        back: () => handOver(kept.pop()),
        exit: () => process.exit(),
      };
      parentPort.on('message', ([what, token]) => parentPort.postMessage(does[what](token)));
    \`;
    const start = () => {
      const worker = new Worker(code, { eval: true });
      const ask = async (...message) => {
        worker.postMessage(message);
        return (await once(worker, 'message'))[0];
      };
      return { worker, ask };
    };
    (async () => {
      const { worker, ask } = start();
      const document = create();
      let { size } = document; // the next one's may be others: the allocator may give a little more
      assert(size > 400_000);
      assert.deepStrictEqual(where(), [size, size, 0]);
      let token = handOver(document);
      assert.deepStrictEqual(where(), [0, 0, size]);
      const other = create();
      assert.deepStrictEqual(where(), [other.size, other.size, size]);
      other.dispose();
      await ask('take', token);
      assert.deepStrictEqual(where(), [0, size, 0]);
      token = await ask('back');
      assert.deepStrictEqual(where(), [0, 0, size]);
      const back = takeOver(token);
      assert.deepStrictEqual(where(), [size, size, 0]);
      await ask('take', handOver(back));
      await ask('dispose');
      assert.deepStrictEqual(where(), [0, 0, 0]);

      token = handOver(create());
      await ask('take', token);
      assert.deepStrictEqual(where(), [0, token.size, 0]);
      await ask('drop');
      await ask('collect');
      assert.deepStrictEqual(where(), [0, 0, 0]);

      await ask('take', handOver(create()));
      worker.postMessage(['exit']);
      await once(worker, 'exit');
      assert.deepStrictEqual(where(), [0, 0, 0]);

      const last = start();
      await last.ask('take', handOver(create()));
      token = await last.ask('back');
      ({ size } = token);
      last.worker.postMessage(['exit']);
      await once(last.worker, 'exit');
      assert.deepStrictEqual(where(), [0, 0, size]);
      takeOver(token).dispose();
      assert.deepStrictEqual(where(), [0, 0, 0]);
      ({ size } = handOver(create()));
      assert.deepStrictEqual(where(), [0, 0, size]);
      configure({ atExit: 'free' });
      process.exit();
    })();
  `));

test('which meter: the only one, or the one that is named', () =>
  run(`
    const unsupported = { code: 'ERR_TALLY_UNSUPPORTED' };
    const declare = (name, size) => koffi.owned(name, 'xmlDoc *', { free: 'xmlFreeDoc', size });
    assert.throws(() => declare('A', 'metered'), unsupported);
    const one = meteredAllocator({ label: 'one' });
    const two = meteredAllocator({ label: 'two' });
    assert.throws(() => declare('B', 'metered'), unsupported);
    hook(two);
    declare('C', two);
    const read = reader('C');
    const document = read(text, text.length, 'a.xml', null, 0);
    assert(document.size > 400_000);
    document.dispose();
    assert.throws(() => declare('D', { ...one }), { code: 'ERR_TALLY_INVALID_ARG_TYPE' });
  `));

test('a meter whose functions the library did not get: told, and the size is 0', async () => {
  const { stderr, ...rest } = await runChild(`${prelude}
    meteredAllocator({ label: 'unused' });
    koffi.owned('Document', 'xmlDoc *', { free: 'xmlFreeDoc', size: 'metered' });
    const read = reader('Document');
    for (let i = 0; i < 3; i++) assert.strictEqual(read(text, text.length, 'a.xml', null, 0).size, 0);
  `);
  if (rest.stdout === 'missing\n') return;
  expect(rest).toEqual({ code: 0, signal: null, stdout: '' });
  expect(stderr.match(/FFI_TALLY_NOT_METERED/g)).toHaveLength(1);
});

test('calls within calls: each has its own share', () =>
  run(`
    hook(meteredAllocator({ label: 'it' }));
    koffi.owned('Document', 'xmlDoc *', { free: 'xmlFreeDoc', size: 'metered' });
    koffi.proto('int Read(void *context, void *buffer, int length)');
    const read = reader('Document');
    const pull = xml.func('Document xmlReadIO(Read *read, void *close, void *context, const char *url, const char *encoding, int options)');
    read(text, text.length, 'a.xml', null, 0).dispose();
    const before = live();
    let inner;
    const outer = pull((context, buffer) => {
      if (inner !== undefined) return 0;
      inner = read(text, text.length, 'b.xml', null, 0);
      koffi.encode(buffer, koffi.array('uint8', 4), [60, 97, 47, 62]);
      return 4;
    }, null, null, 'a.xml', null, 0);
    assert(inner.size > 400_000);
    assert(outer.size > 0 && outer.size < 10_000, 'an empty element: ' + outer.size);
    assert.strictEqual(live() - before, inner.size + outer.size);
  `));

const canMeasure = require('../../../lib/binding').inUse() >= 0;
(canMeasure ? test : test.skip)(
  'without a hook: what the allocator has more in use, and how far a declared size is off',
  () =>
    run(`
    koffi.owned('Measured', 'xmlDoc *', { free: 'xmlFreeDoc', size: 'measure' });
    koffi.owned('Declared', 'xmlDoc *', { free: 'xmlFreeDoc', size: 1000, compare: 'measure' });
    const read = reader('Measured');
    const other = reader('Declared');
    let document;
    for (let i = 0; i < 100; i++) document = read(text, text.length, 'a.xml', null, 0);
    assert(document.size > 400_000 && document.size < 700_000, 'about half a megabyte, not ' + document.size);
    assert.strictEqual(account('Measured').sizes, 'measured');
    for (let i = 0; i < 20; i++) other(text, text.length, 'a.xml', null, 0);
    const { sizes, compared } = account('Declared');
    assert.strictEqual(sizes, 'constant');
    const { measuredBytes, ...rest } = compared;
    assert.deepStrictEqual(rest, { how: 'measured', samples: 8, declaredBytes: 1000 });
    assert(measuredBytes > 400_000 && measuredBytes < 700_000);
  `),
);

test('compared with the allocator about the block itself', () =>
  run(`
    koffi.owned('Block', 'void *', { free: 'free', size: (address, bytes) => 2 * bytes, compare: 'malloc' });
    const malloc = libc.func('Block malloc(size_t bytes)');
    for (let i = 0; i < 4; i++) malloc(1000).dispose();
    const { sizes, compared } = account('Block');
    assert.strictEqual(sizes, 'function');
    assert.strictEqual(compared.declaredBytes, 2000);
    assert(compared.measuredBytes >= 1000 && compared.measuredBytes < 1100);
    assert.throws(() => koffi.owned('X', 'void *', { free: 'free', size: 1, compare: 'guess' }), { code: 'ERR_TALLY_INVALID_ARG_TYPE' });
  `));

describe('samples', () => {
  test('noise in a quarter of them does not show, nor that the rest differ', () => {
    const samples = new Samples();
    for (const value of [100, 100, 1e9, 110, 90, -1e9, 100, 100]) samples.add(value);
    expect(samples.means.measured).toBe(100);
  });

  test('never below zero, and nothing is nothing', () => {
    const samples = new Samples();
    expect(samples.means.measured).toBe(0);
    samples.add(-50);
    expect(samples.means.measured).toBe(0);
  });

  test('the first calls are measured, then a few, and old ones are forgotten', () => {
    const samples = new Samples();
    const due = Array.from({ length: 1000 }, () => samples.due()).filter(Boolean);
    expect(due).toHaveLength(8 + 15);
    for (let i = 0; i < 16; i++) samples.add(1);
    for (let i = 0; i < 16; i++) samples.add(1000);
    expect(samples.means.measured).toBe(1000);
  });
});
