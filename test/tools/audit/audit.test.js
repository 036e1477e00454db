/** @jest-environment ./test/support/once.js */
'use strict';
// Leaks planted in programs that use real C libraries. Each is named, with its bytes; without it nothing is.

const koffi = require('koffi');
const { formatAudit } = require('../../../lib/tools/audit/format.js');
const { uncertainties } = require('../../../lib/tools/audit/uncertain.js');
const { runChild } = require('../../support/child.js');
const { isWhole } = require('../../support/whole.js');

const directory = 'test/programs/tools/audit';
const [gd, libc, xml] = ['gd', 'libc', 'xml'].map((name) => `${directory}/${name}.js`);
const prelude = `const { audit, koffi, leaks, report } = require('./${directory}/setup.js');`;

const versions = isWhole ? ['koffi', 'koffi2'] : ['koffi'];

function isThere(library) {
  try {
    koffi.load(library).unload();
    return true;
  } catch {
    process.emitWarning(`${library} is not installed: leaks in it are not tested`);
    return false;
  }
}

async function run(code, args = [], version = 'koffi') {
  const child = await runChild(code, { args, env: { FFI_TALLY_TEST_KOFFI: version } });
  expect({ ...child, stdout: '' }).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  return JSON.parse(child.stdout);
}

const find = (result, name) => result.functions.find((figures) => figures.name === name);

/** The one finding, with its bytes within 1 % of the truth. */
function onlyFinding(result) {
  expect(result.measures).toBe(true);
  expect(result.findings.map(({ function: name }) => name)).toHaveLength(1);
  const [finding] = result.findings;
  expect(finding.kind).toBe('leak');
  expect(Math.abs(finding.bytes - result.truth)).toBeLessThan(0.01 * result.truth);
  return finding;
}

const describeIf = (condition) => (condition ? describe : describe.skip);

describeIf(process.platform === 'linux' && isThere('libxml2.so.2')).each(versions)(
  'libxml2, %s',
  (version) => {
    test('a document that is not freed', async () => {
      const result = await run(xml, ['leak'], version);
      // What was added to the documents was made by another function.
      expect(result.findings.map((finding) => finding.function)).toEqual(['xmlReadMemory', 'xmlNewChild']);
      const bytes = result.findings.reduce((sum, finding) => sum + finding.bytes, 0);
      expect(Math.abs(bytes - result.truth)).toBeLessThan(0.2 * result.truth); // V8 allocates, too
      const [finding] = result.findings;
      expect(finding.text).toContain('`xmlFreeDoc` of its library should, by its name');
      expect(finding.code).toMatch("koffi.owned('OwnedXmlDoc', 'xmlDoc *', { free: 'xmlFreeDoc' });");
      expect(finding.code).toContain("lib.func('OwnedXmlDoc xmlReadMemory(const char *text,");
      expect(find(result, 'xmlNewChild').calls).toBe(180);
      expect(find(result, 'xmlReadMemory').pointers).toEqual(60);
    });

    test('freed: nothing is found, and xmlFreeDoc() is known to free', async () => {
      const result = await run(xml, [], version);
      expect(result.findings).toEqual([]);
      const [first] = find(result, 'xmlReadMemory').freedBy;
      expect(first).toMatchObject({ name: 'xmlFreeDoc', pointers: 60 });
    });
  },
);

describeIf(process.platform === 'linux' && isThere('libgd.so.3')).each(versions)('libgd, %s', (version) => {
  test('images that are not destroyed', async () => {
    const result = await run(gd, ['leak'], version);
    const finding = onlyFinding(result);
    expect(finding.function).toBe('gdImageCreateTrueColor');
    expect(finding.text).toContain('`gdImageDestroy` gave back ');
    expect(finding.code).toMatch("koffi.owned('OwnedGdImage', 'gdImage *', { free: 'gdImageDestroy' });");
    expect(find(result, 'gdImageCreateTrueColor')).toMatchObject({
      pointers: 30,
      freedBy: [{ name: 'gdImageDestroy', pointers: 10 }],
    });
  });

  test('all destroyed: nothing is found', async () => {
    const result = await run(gd, [], version);
    expect(result.findings).toEqual([]);
    expect(find(result, 'gdImageCreateTrueColor')).toMatchObject({
      pointers: 0,
      freedBy: [{ name: 'gdImageDestroy', pointers: 40 }],
    });
  });
});

describeIf(process.platform === 'linux').each(versions)('a string of libc, %s', (version) => {
  test('whose pointer is lost', async () => {
    const finding = onlyFinding(await run(libc, ['leak'], version));
    expect(finding.function).toBe('strdup');
    expect(finding.text).toMatch(
      /^strdup\(\) keeps 100 KB per call: 40\.0 MB of 400 calls were not given back/,
    );
    expect(finding.code).toBe("lib.func('char *! strdup(const char *text)');");
  });

  test('that Koffi frees: nothing is found', async () => {
    expect((await run(libc, [], version)).findings).toEqual([]);
  });
});

describeIf(process.platform === 'linux')('a function', () => {
  const things = `${prelude}
    const { counting } = require('./test/support/build.js')();
    const lib = koffi.load(counting);
    const make = lib.func('void *thing_new(size_t bytes)');
    const free = lib.func('void thing_free(void *thing)');
  `;

  test('that makes something small out of something large, which is freed', async () => {
    const result = await run(`${prelude}
      koffi.opaque('gdImage');
      const lib = koffi.load('libgd.so.3');
      const create = lib.func('gdImage *gdImageCreateTrueColor(int width, int height)');
      const scale = lib.func('gdImage *gdImageScale(gdImage *image, unsigned int width, unsigned int height)');
      const destroy = lib.func('void gdImageDestroy(gdImage *image)');
      for (let i = 0; i < 60; i++) {
        const photo = create(1200, 800);
        scale(photo, 300, 200);
        destroy(photo);
      }
      report(60 * (4 * 300 * 200 + 8936)); // with its rows and tables
    `);
    expect(onlyFinding(result).function).toBe('gdImageScale');
    expect(find(result, 'gdImageCreateTrueColor').pointers).toEqual(0);
  });

  test('that fills a cache and then keeps nothing more is no finding', async () => {
    const result = await run(`${things}
      const cache = [];
      for (let i = 0; i < 400; i++) {
        if (i >= 40) free(cache.shift());
        cache.push(make(50_000));
      }
      report();
    `);
    expect(find(result, 'thing_new')).toMatchObject({ pointers: 40 });
    expect(find(result, 'thing_new').outstanding).toBeGreaterThan(2e6);
    expect(result.findings).toEqual([]);
  });

  test('is none where all is freed that is made; then nobody asks for the place, which takes time', async () => {
    const result = await run(`${prelude}
      const lib = koffi.load(require('./test/support/build.js')().leaks);
      const length = lib.func('size_t text_length(size_t bytes)');
      const { captureStackTrace } = Error;
      let stacks = 0;
      Error.captureStackTrace = (...args) => { stacks++; captureStackTrace(...args); };
      for (let i = 0; i < 100; i++) length(10_000);
      Error.captureStackTrace = captureStackTrace;
      report(stacks);
    `);
    expect(result.truth).toBe(0);
    expect(find(result, 'text_length')).toMatchObject({ calls: 100, kept: 0, outstanding: 0 });
  });

  test('that is called very often leaks on the line that it leaks on, though few calls are asked for their place', async () => {
    const result = await run(`${prelude}
      const lib = koffi.load(require('./test/support/build.js')().leaks);
      const make = lib.func('void *image_create(size_t bytes)');
      const destroy = lib.func('void image_destroy(void *image)');
      const { captureStackTrace } = Error;
      let stacks = 0;
      Error.captureStackTrace = (...args) => { stacks++; captureStackTrace(...args); };
      function good() { destroy(make(1000)); }
      function bad() { make(1000); }
      for (let i = 0; i < 20_000; i++) { good(); good(); bad(); }
      Error.captureStackTrace = captureStackTrace;
      report({ stacks, bytes: 20_000 * 1008 });
    `);
    const { stacks, bytes } = result.truth;
    expect(stacks).toBeLessThan(60_000 / 8);
    const finding = onlyFinding({ ...result, truth: bytes });
    expect(finding.places).toHaveLength(1);
    expect(finding.places[0].stack).toMatch(/^bad \(/);
    expect(finding.places[0].bytes).toBe(finding.bytes);
  });

  test('whose results are tracked is none, unless they are charged with much too little', async () => {
    const tracked = (size) => `${prelude}
      koffi.owned('Thing', 'void *', { free: 'thing_free', size: ${size} });
      const lib = koffi.load(require('./test/support/build.js')().counting);
      const make = lib.func('Thing thing_new(size_t bytes)');
      for (let i = 0; i < 300; i++) make(1_000_000);
      report();
    `;
    const honest = await run(tracked('1_000_000'));
    expect(honest.findings).toEqual([]);
    expect(find(honest, 'thing_new').tracked).toMatchObject({ label: 'Thing', each: 1e6 });
    expect(find(honest, 'thing_new').outstanding).toBeLessThan(4e6); // the referee's shells
    const low = await run(tracked('1000'));
    expect(low.findings).toMatchObject([{ kind: 'size', function: 'thing_new' }]);
    expect(low.findings[0].text).toMatch(/keeps 1\.\d\d MB for each 'Thing', which is charged with 1\.00 KB/);
  });

  test('whose results track() takes is none', async () => {
    const result = await run(`${things}
      const { track } = require('./lib');
      for (let i = 0; i < 300; i++) track(make(1_000_000), { size: 1_000_000, free, label: 'thing' });
      report();
    `);
    expect(result.findings).toEqual([]);
    const { adopted, outstanding } = find(result, 'thing_new');
    expect(adopted).toEqual({ pointers: 300 });
    expect(outstanding).toBeLessThan(4e6);
  });

  test('whose results are tracked and kept is none, whatever the size of each', async () => {
    const result = await run(`${things}
      const { track } = require('./lib');
      const kept = [];
      for (let i = 0; i < 300; i++) {
        const thing = track(make(i < 150 ? 1000 : 100_000), { size: 1000, free, label: 'thing' });
        if (i < 150) thing.dispose();
        else kept.push(thing);
      }
      report();
      kept.length = 0;
    `);
    expect(find(result, 'thing_new')).toMatchObject({ pointers: 150, adopted: { pointers: 300 } });
    expect(result.findings).toEqual([]);
  });

  test('that adds to what is tracked and dead is none', async () => {
    const result = await run(`${things}
      const { track } = require('./lib');
      const enlarge = lib.func('void thing_enlarge(void *thing, size_t bytes)');
      const kept = [];
      for (let i = 0; i < 100; i++) {
        const thing = make(100);
        kept.push(track(thing, { size: 100, free, label: 'thing' }));
        enlarge(thing, 50_000);
      }
      kept.length = 0;
      report();
    `);
    expect(find(result, 'thing_enlarge').kept).toBe(100 * 50_000);
    expect(result.findings).toEqual([]);
  });

  test('that is freed by koffi.free() or allocated by koffi.alloc()', async () => {
    const result = await run(`${prelude}
      const lib = koffi.load('libc.so.6');
      const malloc = lib.func('void *malloc(size_t bytes)');
      for (let i = 0; i < 100; i++) koffi.free(malloc(50_000));
      for (let i = 0; i < 100; i++) koffi.alloc('char', 50_000);
      report(5_000_000);
    `);
    expect(find(result, 'malloc')).toMatchObject({
      pointers: 0,
      freedBy: [{ name: 'koffi.free', pointers: 100 }],
    });
    expect(onlyFinding(result)).toMatchObject({ function: 'koffi.alloc', library: 'koffi' });
  });

  test('that calls back into functions that allocate is not charged with what they keep', async () => {
    const result = await run(`${things}
      const kept = [];
      koffi.proto('int Visit(void *thing, int value)');
      const visit = lib.func('int thing_call(void *thing, Visit *visit, int value)');
      for (let i = 0; i < 50; i++) visit(null, () => kept.push(make(1_000_000)), 0);
      report(50 * 1_000_000);
    `);
    expect(onlyFinding(result).function).toBe('thing_new');
    expect(find(result, 'thing_call').outstanding).toBeLessThan(5e6); // Koffi itself keeps some
  });

  test('called asynchronously is counted, and its pointers are paired', async () => {
    const result = await run(`${things}
      const step = (i) => {
        if (i === 50) return report();
        make.async(100_000, (error, thing) => { free(thing); step(i + 1); });
      };
      step(0);
    `);
    expect(find(result, 'thing_new')).toMatchObject({ calls: 50 });
    expect(find(result, 'thing_new').uncertain[0]).toContain('asynchronous calls');
    expect(result.findings).toEqual([]);
  });

  test('whose block another function has hung memory on is not proposed to be freed by free()', async () => {
    const result = await run(`${prelude}
      const lib = koffi.load(require('./test/support/build.js')().leaks);
      const make = lib.func('void *text_make(size_t bytes)');
      const fill = lib.func('void pair_fill(void *pair, size_t bytes)');
      for (let i = 0; i < 200; i++) fill(make(100), 1000);
      report();
    `);
    expect(result.findings).toMatchObject([{ function: 'text_make', bytes: 200 * 1100 }]);
    const [{ text, code }] = result.findings;
    expect(text).toMatch(/^text_make\(\) keeps 1\.10 KB per call, with what pair_fill\(\) adds: 220 KB /);
    expect(text).toContain('Each leads to other blocks, which free() would leave');
    expect(code).toBeUndefined();
  });

  test('called asynchronously by way of a promise leaks on the line of the program, and as much per call', async () => {
    const result = await run(`${prelude}
      const lib = koffi.load(require('./test/support/build.js')().leaks);
      const make = require('node:util').promisify(lib.func('void *text_make(size_t bytes)').async);
      (async function leak() {
        for (let i = 0; i < 50; i++) await make(10_000);
        report(50 * 10_000);
      })();
    `);
    const finding = onlyFinding(result);
    expect(finding.places[0].stack).toMatch(/^leak \(|^\[eval\]:/);
    expect(finding.text).toContain('text_make() keeps 10.0 KB per call');
  });
});

test('printed at the end of a program with one line changed', async () => {
  const code = `
    const koffi = require('ffi-tally/audit');
    const strdup = koffi.load(null).func('char *strdup(const char *text)');
    for (let i = 0; i < 50; i++) strdup('x'.repeat(200_000));
  `;
  const { code: status, stdout, stderr } = await runChild(code, { execArgv: ['--single-threaded'] });
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  expect(stderr).toMatch(/^\nffi-tally audit: 50 calls of 1 C function in \d+\.\d s\n/);
  expect(stderr).toMatch(/^strdup\(\) +50 +200 KB +10\.0 MB +no$/m);
  expect(stderr).toMatch(/\n1 finding:\n\n {2}1\. strdup\(\) keeps 200 KB per call/);
});

test.each([
  [[false, false], 'What these functions allocate cannot be counted.'],
  [[true, false], 'No function that can be counted keeps more and more memory that nothing tracks.'],
  [[true, true], 'No function keeps more and more memory that nothing tracks.'],
])('nothing is found in functions of which these can be counted: %j', (counted, verdict) => {
  const functions = counted.map((isCounted) => ({
    ...{ name: 'make', calls: 1, perCall: 0, outstanding: 0, freedBy: [] },
    uncertain: uncertainties(isCounted ? {} : { problem: 'it brings an allocator of its own' }),
  }));
  const text = formatAudit({ measures: true, calls: 2, seconds: 1, functions, findings: [] });
  expect(text.split('\n').at(-1)).toBe(verdict);
});
