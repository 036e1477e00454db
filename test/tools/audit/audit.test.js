/** @jest-environment ./test/support/once.js */
'use strict';
// Leaks planted in programs that use real C libraries. Each is named, with its bytes; without it nothing is.

const koffi = require('koffi');
const { runChild } = require('../../support/child.js');

const directory = 'test/programs/tools/audit';
const [gd, libc, xml] = ['gd', 'libc', 'xml'].map((name) => `${directory}/${name}.js`);
const prelude = `const { audit, koffi, leaks, report } = require('./${directory}/setup.js');`;

const versions = ['koffi', 'koffi2'];

function isThere(library) {
  try {
    koffi.load(library).unload();
    return true;
  } catch {
    process.emitWarning(`${library} is not installed: leaks in it are not tested`);
    return false;
  }
}

async function run(code, args = [], version = 'koffi', execArgv = []) {
  const child = await runChild(code, { args, execArgv, env: { FFI_TALLY_TEST_KOFFI: version } });
  expect({ ...child, stdout: '' }).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  return JSON.parse(child.stdout);
}

// V8's other threads allocate and free too, which often looks like a pointer more or less.
const runAlone = (code, args, version) => run(code, args, version, ['--single-threaded']);

// Once in a while those of Node do, too.
const about = (count) => ({
  asymmetricMatch: (value) => Math.abs(value - count) <= 2,
  toAsymmetricMatcher: () => `about ${count}`,
});

const find = (result, name) => result.functions.find((figures) => figures.name === name);

/** The one finding, with its bytes within 10 % of the truth. */
function onlyFinding(result) {
  expect(result.measures).toBe(true);
  expect(result.findings.map(({ function: name }) => name)).toHaveLength(1);
  const [finding] = result.findings;
  expect(finding.kind).toBe('leak');
  expect(Math.abs(finding.bytes - result.truth)).toBeLessThan(0.1 * result.truth);
  return finding;
}

const describeIf = (condition) => (condition ? describe : describe.skip);

describeIf(process.platform === 'linux' && isThere('libxml2.so.2')).each(versions)(
  'libxml2, %s',
  (version) => {
    test('a document that is not freed', async () => {
      const result = await run(xml, ['leak'], version);
      const finding = onlyFinding(result);
      expect(finding.function).toBe('xmlReadMemory');
      expect(finding.text).toContain('`xmlFreeDoc` of its library should, by its name');
      expect(finding.code).toMatch(
        /koffi\.owned\('OwnedXmlDoc', 'xmlDoc \*', \{ free: 'xmlFreeDoc', size: .+ \}\);/,
      );
      expect(finding.code).toContain("lib.func('OwnedXmlDoc xmlReadMemory(const char *text,");
      // What was added to the documents is theirs.
      expect(find(result, 'xmlNewChild').calls).toBe(180);
      expect(find(await runAlone(xml, ['leak'], version), 'xmlReadMemory').pointers).toEqual(about(60));
    });

    test('freed: nothing is found, and xmlFreeDoc() is known to free', async () => {
      expect((await run(xml, [], version)).findings).toEqual([]);
      const [first] = find(await runAlone(xml, [], version), 'xmlReadMemory').freedBy;
      expect(first).toMatchObject({ name: 'xmlFreeDoc', pointers: about(60) });
    });
  },
);

describeIf(process.platform === 'linux' && isThere('libgd.so.3')).each(versions)('libgd, %s', (version) => {
  test('images that are not destroyed', async () => {
    const result = await run(gd, ['leak'], version);
    const finding = onlyFinding(result);
    expect(finding.function).toBe('gdImageCreateTrueColor');
    expect(finding.text).toContain('`gdImageDestroy` gave back ');
    expect(finding.code).toMatch(
      // On average, where V8 has allocated in some of the calls.
      /koffi\.owned\('OwnedGdImage', 'gdImage \*', \{ free: 'gdImageDestroy', size: (\(pointer, \.\.\.args\) => )?20\d{5} /,
    );
    expect(find(await runAlone(gd, ['leak'], version), 'gdImageCreateTrueColor')).toMatchObject({
      pointers: about(30),
      freedBy: [{ name: 'gdImageDestroy', pointers: about(10) }],
    });
  });

  test('all destroyed: nothing is found', async () => {
    expect((await run(gd, [], version)).findings).toEqual([]);
    expect(find(await runAlone(gd, [], version), 'gdImageCreateTrueColor')).toMatchObject({
      pointers: about(0),
      freedBy: [{ name: 'gdImageDestroy', pointers: about(40) }],
    });
  });
});

describeIf(process.platform === 'linux').each(versions)('a string of libc, %s', (version) => {
  test('whose pointer is lost', async () => {
    const finding = onlyFinding(await run(libc, ['leak'], version));
    expect(finding.function).toBe('strdup');
    // 100 KB, give or take what V8 itself allocated or freed meanwhile: up to 2 MB in all.
    expect(finding.text).toMatch(/^strdup\(\) returns a string and keeps (99\.\d|10\d) KB per call/);
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
    const result = await runAlone(`${prelude}
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
      report(60 * 4 * 300 * 200);
    `);
    expect(onlyFinding(result).function).toBe('gdImageScale');
    expect(find(result, 'gdImageCreateTrueColor').pointers).toEqual(about(0));
  });

  test('that fills a cache and then keeps nothing more is no finding', async () => {
    const result = await runAlone(`${things}
      const cache = [];
      for (let i = 0; i < 400; i++) {
        if (i >= 40) free(cache.shift());
        cache.push(make(50_000));
      }
      report();
    `);
    expect(find(result, 'thing_new')).toMatchObject({ pointers: about(40) });
    expect(find(result, 'thing_new').outstanding).toBeGreaterThan(2e6);
    expect(result.findings).toEqual([]);
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
    expect(find(honest, 'thing_new')).toMatchObject({
      outstanding: 0,
      tracked: { label: 'Thing', each: 1e6 },
    });
    const low = await run(tracked('1000'));
    expect(low.findings).toMatchObject([{ kind: 'size', function: 'thing_new' }]);
    expect(low.findings[0].text).toMatch(/keeps 1\.0\d MB for each 'Thing', which is charged with 1\.00 KB/);
  });

  test('whose results track() takes is none', async () => {
    const result = await runAlone(`${things}
      const { track } = require('./lib');
      for (let i = 0; i < 300; i++) track(make(1_000_000), { size: 1_000_000, free, label: 'thing' });
      report();
    `);
    expect(result.findings).toEqual([]);
    expect(find(result, 'thing_new')).toMatchObject({
      outstanding: 0,
      pointers: 0,
      adopted: { label: 'thing', pointers: about(300) },
    });
  });

  test('that is freed by koffi.free() or allocated by koffi.alloc()', async () => {
    const result = await runAlone(`${prelude}
      const lib = koffi.load('libc.so.6');
      const malloc = lib.func('void *malloc(size_t bytes)');
      for (let i = 0; i < 100; i++) koffi.free(malloc(50_000));
      for (let i = 0; i < 100; i++) koffi.alloc('char', 50_000);
      report(5_000_000);
    `);
    expect(find(result, 'malloc')).toMatchObject({
      pointers: about(0),
      freedBy: [{ name: 'koffi.free', pointers: about(100) }],
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
    expect(find(result, 'thing_call').uncertain).toEqual([
      'calls back into JavaScript, which may allocate too',
    ]);
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
    expect(find(result, 'thing_new').uncertain[0]).toContain('50 asynchronous calls');
    expect(result.findings).toEqual([]);
  });
});

test('in a badly fragmented heap only some calls are measured, and the leak is found all the same', async () => {
  const result = await run(`${prelude}
    const lib = koffi.load('libc.so.6');
    const malloc = lib.func('void *malloc(size_t bytes)');
    const raw = require('koffi').load('libc.so.6');
    const [getMalloc, getFree] = [raw.func('void *malloc(size_t bytes)'), raw.func('void free(void *block)')];
    const blocks = Array.from({ length: 40_000 }, () => getMalloc(1500));
    blocks.forEach((block, at) => { if (at % 2 === 0) getFree(block); });
    for (let i = 0; i < 3000; i++) malloc(20_000);
    report(3000 * 20_000);
  `);
  // A sample is as exact as a sample is.
  const [finding] = result.findings;
  expect(finding.function).toBe('malloc');
  expect(Math.abs(finding.bytes - result.truth)).toBeLessThan(0.4 * result.truth);
  expect(find(result, 'malloc').uncertain[0]).toMatch(/^\d+ of 3000 calls measured/);
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
  expect(stderr).toMatch(/^strdup\(\) +50 +(19[5-9]|20\d) KB +(9\.[89]\d|10\.\d) MB +no$/m);
  expect(stderr).toMatch(
    /\n1 finding:\n\n {2}1\. strdup\(\) returns a string and keeps (19[5-9]|20\d) KB per call/,
  );
});
