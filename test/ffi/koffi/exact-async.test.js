/** @jest-environment ./test/support/once.js */
'use strict';
// What asynchronous calls allocate is counted for the objects that they make and use, each call for itself. In processes of
// their own, whose libraries are patched.

const { runChild } = require('../../support/child.js');
const { canCount, prelude: common } = require('../../support/exact.js');
const { windows } = require('../../support/platform.js');

const prelude = `${common}
  const called = (func, ...args) =>
    new Promise((resolve, reject) => func.async(...args, (error, result) => (error ? reject(error) : resolve(result))));
  const freeStubs = () => {
    const all = [];
    for (let stub; (stub = binding.takeStub(binding.nothing, 1)) !== 0n; ) all.push(stub);
    for (const stub of all) binding.giveBackStub(stub);
    return all.length;
  };
  const ALL_STUBS = freeStubs();
  let kept = 0; // by the library, for itself
  const nothingLeft = () => assert.deepStrictEqual([stats().bytes, count(), freeStubs()], [0, kept, ALL_STUBS]);`;

const asProgram = (steps) => `${prelude}\n(async () => {${steps}})();`;

/** Runs `program` with the real library `file` as `lib`, if that is installed. */
const runWith = async (file, program) => {
  const { code } = await runChild(`require('koffi').load('${file}')`);
  if (code === 0) await run(`const lib = koffi.load('${file}');${program}`);
  else process.emitWarning(`${file} is not installed: it is not tested`);
};

const run = async (program) => {
  const result = await runChild(asProgram(program));
  expect(result).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
};

const THINGS = `
  const lib = koffi.load(counting);
  koffi.owned('Owned', 'Thing *', { free: 'thing_free' });
  const make = lib.func('Owned thing_new(size_t bytes)');
  make(10).dispose();
  kept = count();
  const enlarge = lib.func('void thing_enlarge(Thing *thing, size_t bytes)');`;

// On Windows such a call counts for nobody: a pointer has the size of its own block.
const testStubs = windows ? test.skip : test;

(canCount ? describe : describe.skip)('where libraries can be patched', () => {
  test('an object of many blocks, 60 at once: each has the bytes of its own call', () =>
    runWith(
      'libgd.so.3',
      `
      koffi.opaque('gdImage');
      koffi.owned('Image', 'gdImage *', { free: 'gdImageDestroy' });
      const create = lib.func('Image gdImageCreateTrueColor(int w, int h)');
      const widths = Array.from({ length: 60 }, (_, i) => 100 + i);
      const images = await Promise.all(widths.map((width) => called(create, width, 50)));
      const sizes = widths.map((width) => {
        const image = create(width, 50);
        const { size } = image;
        image.dispose();
        return size;
      });
      assert.deepStrictEqual(images.map(({ size }) => size), sizes);
      assert.strictEqual(count(), stats().bytes);
      for (const image of images) image.dispose();
      nothingLeft();
    `,
    ));

  test('trees that later calls enlarge and take, on whatever thread', () =>
    runWith(
      'libjansson.so.4',
      `
      koffi.opaque('Json');
      koffi.owned('Tree', 'Json *', { free: 'json_delete' });
      const parse = lib.func('Tree json_loads(const char *text, size_t flags, void *error)');
      const set = lib.func('int json_object_set_new(Json *object, const char *key, Tree value)');
      const text = JSON.stringify(Array.from({ length: 100 }, (_, i) => ({ i, text: 'x'.repeat(i) })));
      const expected = parse(text, 0, null);
      const trees = await Promise.all(Array.from({ length: 20 }, () => called(parse, text, 0, null)));
      for (const { size } of trees) assert.strictEqual(size, expected.size);
      const [object, other] = await Promise.all([called(parse, '{}', 0, null), called(parse, '{}', 0, null)]);
      const before = object.size;
      for (const [i, tree] of trees.entries()) {
        if (i % 2) assert.strictEqual(set(object, 'key' + i, tree), 0);
        else assert.strictEqual(await called(set, object, 'key' + i, tree), 0);
        assert(tree.disposed);
      }
      assert(object.size > before + trees.length * expected.size);
      expected.dispose();
      assert.strictEqual(count(), object.size + other.size);
      assert.strictEqual(stats().bytes, count());
      object.dispose();
      other.dispose();
      nothingLeft();
    `,
    ));

  test('what C stores, and grows later', () =>
    runWith(
      'libsqlite3.so.0',
      `
      koffi.opaque('sqlite3');
      koffi.owned('Database', 'sqlite3 *', { free: 'sqlite3_close' });
      const open = lib.func('int sqlite3_open(const char *path, _Out_ Database *database)');
      const execute = lib.func('int sqlite3_exec(sqlite3 *database, const char *sql, void *each, void *with, void *error)');
      const first = [null];
      open(':memory:', first); // and what the library keeps
      first[0].dispose();
      kept = count();
      const boxes = Array.from({ length: 8 }, () => [null]);
      assert.deepStrictEqual(new Set(await Promise.all(boxes.map((box) => called(open, ':memory:', box)))), new Set([0]));
      const databases = boxes.flat();
      const total = () => databases.reduce((sum, { size }) => sum + size, 0);
      assert.strictEqual(count() - kept, total());
      const sql = 'create table t(x); insert into t values(zeroblob(100000))';
      await Promise.all(databases.map((database) => called(execute, database, sql, null, null, null)));
      assert.strictEqual(count() - kept, total());
      for (const database of databases) {
        const { size } = database;
        assert(size > 100_000);
        execute(database, 'insert into t values(zeroblob(200000))', null, null, null);
        assert(database.size > size + 200_000);
      }
      assert.strictEqual(count() - kept, total());
      for (const database of databases) database.dispose();
      nothingLeft();
    `,
    ));

  testStubs('an object that is used on a thread and here at once', () =>
    run(`${THINGS}
      const things = Array.from({ length: 20 }, () => make(100));
      const calls = things.map((thing) => called(enlarge, thing, 10_000));
      for (const thing of things) make(500).dispose();
      await Promise.all(calls);
      for (const { size } of things) assert.strictEqual(size, 10_100);
      enlarge(things[0], 50_000);
      await called(enlarge, things[1], 50_000);
      assert.strictEqual(count() - kept, stats().bytes);
      assert.deepStrictEqual([things[0].size, things[1].size], [60_100, 60_100]);
      for (const thing of things) thing.dispose();
      nothingLeft();
    `),
  );

  test('arguments and results are as they are without', () =>
    run(`${THINGS}
      const found = lib.func('Owned thing_found(int outcome, Thing *known, _Out_ int *given)');
      const result = [null];
      const thing = await called(found, 1, null, result);
      const plain = [null];
      const expected = found(1, null, plain);
      assert.deepStrictEqual([result, thing === null], [plain, expected === null]);
      thing?.dispose();
      expected?.dispose();
      koffi.struct('Note', { text: 'char *', code: 'int' });
      koffi.owned('Text', 'void *', { free: koffi.load(platform.libc).symbol('free', 'void *') });
      koffi.struct('OwnedNote', { text: 'Text', code: 'int' });
      const note = lib.func('thing_note', 'OwnedNote', ['size_t', 'int']);
      const { text, code } = await called(note, 100, 7);
      assert.deepStrictEqual([code, text.size], [7, 101]);
      text.dispose();
      const store = lib.func('thing_store_note', 'void', [koffi.out('OwnedNote *'), 'size_t', 'int']);
      const into = {};
      await called(store, into, 200, 8);
      assert.deepStrictEqual([into.code, into.text.size], [8, 201]);
      into.text.dispose();
      nothingLeft();
    `));

  test('what a callback makes meanwhile is its own', () =>
    run(`${THINGS}
      koffi.proto('int Visit(void *thing, int value)');
      const visit = lib.func('int thing_call(Thing *thing, Visit *visit, int value)');
      const [thing, made] = [make(100), []];
      const result = await called(visit, thing, (address, value) => made.push(make(1000 * value)), 5);
      assert.deepStrictEqual([result, thing.size, made.map(({ size }) => size)], [1, 100, [5000]]);
      for (const each of [thing, ...made]) each.dispose();
      nothingLeft();
    `));

  testStubs('a function of which only the address is known', () =>
    run(`${THINGS}
      const address = koffi.type === undefined ? lib.symbol('thing_new', 'void *') : lib.symbol('thing_new');
      const [first, second] = [koffi.decode(address, koffi.proto('Owned Make(size_t bytes)')), make];
      const things = await Promise.all([called(first, 1000), called(second, 2000)]);
      await Promise.all(things.map((thing) => called(enlarge, thing, 5000)));
      assert.deepStrictEqual(things.map(({ size }) => size), [6000, 7000]);
      assert.strictEqual(count() - kept, stats().bytes);
      for (const thing of things) thing.dispose();
      nothingLeft();
    `),
  );

  testStubs("C's allocator itself", () =>
    run(`
      const libc = koffi.load(platform.libc);
      koffi.owned('Block', 'void *', { free: 'free' });
      const block = await called(libc.func('Block malloc(size_t bytes)'), 1000);
      assert(block.size >= 1000 && block.size < 1064);
      assert.strictEqual(count(), block.size);
      block.dispose();
      nothingLeft();
    `),
  );

  test('calls that Koffi refuses, and callbacks that throw, keep no stub', () =>
    run(`${THINGS}
      for (let i = 0; i < 2 * ALL_STUBS; i++) await assert.rejects(async () => called(make, 'much'));
      assert.throws(() => make.async(), /arguments/);
      const thrown = new Promise((resolve) => process.once('uncaughtException', resolve));
      make.async(100, (error, thing) => {
        thing.dispose();
        throw new Error('mine');
      });
      assert.strictEqual((await thrown).message, 'mine');
      nothingLeft();
    `));

  test('where all stubs are taken a pointer has the size of its block', () =>
    run(`${THINGS}
      const all = Array.from({ length: ALL_STUBS }, () => binding.takeStub(binding.nothing, 1));
      const thing = await called(make, 1000);
      assert.strictEqual(thing.size, 1000);
      await called(enlarge, thing, 5000);
      assert.strictEqual(thing.size, 1000);
      for (const stub of all) binding.giveBackStub(stub);
      thing.dispose();
      nothingLeft();
    `));

  const isKoffi2 = /koffi2/.test(process.env.FFI_TALLY_TEST_KOFFI); // which ends the process where a worker ends within a call
  (isKoffi2 ? test.skip : testStubs)('workers that end while they wait leave no stub taken', () =>
    run(`${THINGS}
      const { once } = require('node:events');
      const { Worker } = require('node:worker_threads');
      const code = ${JSON.stringify(`${prelude}${THINGS}
        const sum = lib.func('int thing_sum_slow(Thing *thing, int ms)');
        for (let i = 0; i < 20; i++) sum.async(make(100), 20, () => {});
        require('node:worker_threads').parentPort.postMessage(freeStubs());
      `)};
      for (let i = 0; i < 3; i++) {
        const worker = new Worker(code, { eval: true });
        assert.deepStrictEqual(await once(worker, 'message'), [ALL_STUBS - 20]);
        await worker.terminate();
      }
      assert.strictEqual(freeStubs(), ALL_STUBS);
    `),
  );

  test('what such a call has freed of JavaScript is told with its name, at its end', async () => {
    const program = `${THINGS}
      const take = lib.func('int thing_take(Thing *thing, int outcome)');
      const { subscribe } = require('node:diagnostics_channel');
      const losses = [];
      process.on('warning', () => {});
      subscribe('ffi-tally:foreign-free', ({ freedBy }) => losses.push(freedBy));
      const thing = make(1000);
      await called(take, thing, 0);
      assert.deepStrictEqual([losses, thing.disposed], [['thing_take'], true]);
      nothingLeft();`;
    const { code, stderr } = await runChild(asProgram(program), { env: { FFI_TALLY_CHECKED: '1' } });
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('FFI_TALLY_FREED_BY_C') });
  });

  testStubs('beside the audit, which sees these calls, too', () =>
    run(`
      const { audit } = require('./lib/tools/audit/audit');
      audit();
      ${THINGS}
      const things = await Promise.all(Array.from({ length: 20 }, () => called(make, 1000)));
      await Promise.all(things.map((thing) => called(enlarge, thing, 5000)));
      for (const { size } of things) assert.strictEqual(size, 6000);
      const functions = Object.fromEntries(audit().functions.map((each) => [each.name, each]));
      assert.deepStrictEqual([functions.thing_new.calls, functions.thing_enlarge.calls], [21, 20]);
      for (const thing of things) thing.dispose();
      nothingLeft();
    `),
  );
});
