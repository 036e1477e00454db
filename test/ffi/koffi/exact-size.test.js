/** @jest-environment ./test/support/once.js */
'use strict';
// Sizes that nobody states: what the producing call allocates, as it is counted at the library's import slots. In processes
// of their own, whose libraries are patched.

const { spawnSync } = require('node:child_process');
const { runChild } = require('../../support/child.js');
const { CASES, DEEP, argumentsOf } = require('../../support/control/cases.js');
const { allocator, canCount, prelude } = require('../../support/exact.js');
const { canInterrupt, windows } = require('../../support/platform.js');
const { some, times } = require('../../support/whole.js');

async function run(program, options) {
  const result = await runChild(program, options);
  expect(result).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
}

const CUT_OFF = `
  const { cutOff, forever } = require('./test/support/disturb.js');
  const turns = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));`;

// glibc notes what is to be called at the exit in lists of 32. Whoever registers the 33rd has the next list in what it keeps, and
// who that is depends on what was registered before.
const EXIT_LIST = 16 + 32 * 32;

/** What the control says: [[size, left]] of each object; null where the library is not installed. */
function control(each) {
  const program = require('../../support/build.js')().control;
  const { status, stdout } = spawnSync(program, argumentsOf(each, 3), { encoding: 'utf8' });
  if (status === 2) return null;
  expect({ file: each[0], status }).toEqual({ file: each[0], status: 0 });
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number));
}

if (!canCount) {
  test('what libraries allocate cannot be counted here: a size is required', () =>
    run(`${prelude}
      assert.throws(() => koffi.owned('Owned', 'Thing *', { free: 'thing_free' }), { code: 'ERR_TALLY_SIZE_REQUIRED' });
      assert.throws(() => koffi.owned('Owned', 'Thing *', { free: 'thing_free', size: 'exact' }), { code: 'ERR_TALLY_UNSUPPORTED' });
    `));
}

// What has to do with other loaders than that of ELF, or with musl: test/programs/ffi/koffi/exact-runtimes.js.
const testElf = windows ? test.skip : test;
const testCutOff = canInterrupt ? test : test.skip;

(canCount ? describe : describe.skip)('where libraries can be patched', () => {
  testElf(
    'real libraries: to the byte what a program without us says, and nothing left that it does not leave',
    async () => {
      const expected = Object.fromEntries(
        Object.entries(CASES)
          .map(([name, each]) => [name, control(each)])
          .filter(([, lines]) => lines !== null),
      );
      // Those first that would not be deep any more where another library has brought them.
      const names = Object.keys(expected).sort((a, b) => DEEP.includes(b) - DEEP.includes(a));
      const missing = Object.keys(CASES).filter((name) => expected[name] === undefined);
      if (missing.length > 0)
        console.warn(`NOT RUN, because the libraries are not installed: ${missing.join(', ')}`);
      const { stdout, ...rest } = await runChild('test/programs/ffi/koffi/exact.js', {
        args: ['3', ...names],
      });
      expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
      const counted = JSON.parse(stdout);
      for (const name of names) {
        expect({ [name]: counted[name].slice(1) }).toEqual({ [name]: expected[name].slice(1) });
        // The first object comes with what the library keeps, as far as that is not Node's.
        const steady = expected[name][1][0];
        const [[size, left]] = counted[name];
        expect({ [name]: size }).toEqual({ [name]: steady + left });
        expect(size).toBeLessThanOrEqual(expected[name][0][0] + EXIT_LIST);
      }
    },
    240_000,
  ); // a process for each library

  testElf('objects that grow, shrink and are taken by others', async () => {
    if (control(CASES.jansson) !== null) await run('test/programs/ffi/koffi/exact-tree.js');
  });

  testElf('what threads allocate that a call has started, as the library says itself', async () => {
    if (control(CASES.zstd) !== null) await run('test/programs/ffi/koffi/exact-threads.js');
  });

  testElf('what C takes only if it does not refuse, and what it puts in the place of something', () =>
    run('test/programs/ffi/koffi/exact-taken.js'),
  );

  test('a size may be left out, or said to be exact, and is not where it is said otherwise', () =>
    run(`${prelude}
      const lib = koffi.load(counting);
      koffi.owned('Sized', 'Thing *', { free: 'thing_free', size: 100 });
      const sized = lib.func('Sized thing_new(size_t bytes)')(1000);
      assert.strictEqual(count(), 0, 'nobody has asked for this library');
      sized.dispose();
      koffi.owned('Owned', 'Thing *', { free: 'thing_free' });
      koffi.owned('Exact', 'Thing *', { free: 'thing_free', size: 'exact' });
      for (const type of ['Owned', 'Exact']) {
        const make = lib.func(type + ' thing_new(size_t bytes)');
        make(10).dispose();
        const before = count();
        const thing = make(1000);
        assert.strictEqual(thing.size, count() - before);
        assert(thing.size >= 1000);
        thing.dispose();
        assert.strictEqual(count(), before);
      }
      const other = koffi.load(counting, { metered: false });
      assert.throws(() => other.func('Owned thing_new(size_t bytes)'), { code: 'ERR_TALLY_UNSUPPORTED' });
      assert.throws(() => koffi.load(counting, { metered: 'yes' }), { code: 'ERR_TALLY_INVALID_ARG_TYPE' });
    `));

  testElf('a library can be counted before a type asks', () =>
    run(`${prelude}
      const lib = koffi.load(counting, { metered: true });
      const thing = lib.func('void *thing_new(size_t bytes)')(1000);
      assert(count() >= 1000);
      lib.func('void thing_free(void *thing)')(thing);
    `),
  );

  testElf("C's allocator itself, which is called by no slot", () =>
    run(`${prelude}
      const libc = koffi.load(platform.libc);
      koffi.owned('Block', 'void *', { free: 'free' });
      const blocks = [
        libc.func('Block malloc(size_t bytes)')(1000),
        libc.func('Block calloc(size_t count, size_t bytes)')(10, 200),
        libc.func('Block aligned_alloc(size_t alignment, size_t bytes)')(64, 3008),
      ];
      const inside = [null];
      libc.func('int posix_memalign(_Out_ Block *block, size_t alignment, size_t bytes)')(inside, 64, 4000);
      blocks.push(inside[0]);
      const sizes = blocks.map(({ size }) => size);
      for (const [i, bytes] of [1000, 2000, 3008, 4000].entries()) assert(sizes[i] >= bytes && sizes[i] < bytes + 64);
      assert.strictEqual(count(), sizes.reduce((sum, size) => sum + size));
      for (const block of blocks) block.dispose();
      assert.strictEqual(count(), 0);
      assert.deepStrictEqual([stats().bytes, stats().pointers], [0, 0]);
    `),
  );

  test('one more reference to what is counted already adds nothing, which is no reason to warn', () =>
    run(`${prelude}
      const lib = koffi.load(counting);
      koffi.owned('Owned', 'Thing *', { free: 'thing_free' });
      koffi.owned('Reference', 'Thing *', { free: 'thing_value', shared: true });
      const thing = lib.func('Owned thing_new(size_t bytes)')(1000);
      const reference = lib.func('Reference thing_interior(Thing *thing, size_t offset)')(thing, 0);
      assert.deepStrictEqual([reference.size, stats().bytes], [0, thing.size]);
      reference.dispose();
      thing.dispose();
    `));

  test('what is dropped in synchronous code is freed, and nothing is left', () =>
    run(`${prelude}
      const lib = koffi.load(counting);
      koffi.owned('Owned', 'Thing *', { free: 'thing_free' });
      const make = lib.func('Owned thing_new(size_t bytes)');
      const live = lib.func('int64_t live_bytes()');
      for (let i = 0; i < ${times(60, 200)}; i++) {
        make(8 * 2 ** 20);
        assert(live() < 200 * 2 ** 20);
      }
      collect();
      assert.strictEqual(stats().bytes, 0);
      assert.strictEqual(Number(live()), 0);
    `));

  test('calls within calls: each has its own share', () =>
    run(`${prelude}
      const libc = koffi.load(platform.libc);
      koffi.owned('Block', 'void *', { free: 'free' });
      const duplicate = libc.func('Block ' + platform.posix('strdup') + '(const char *text)');
      const Compare = koffi.proto('int Compare(const void *a, const void *b)');
      const sort = libc.func('void qsort(_Inout_ int *values, size_t count, size_t size, Compare *compare)');
      const inner = [];
      sort([2, 1, 3], 3, 4, () => {
        inner.push(duplicate('x'.repeat(99)));
        return 0;
      });
      assert(inner.length > 0);
      for (const block of inner) assert.strictEqual(block.size, 100);
      const before = count();
      for (const block of inner) block.dispose();
      assert.strictEqual(before - count(), 100 * inner.length);
    `));

  test('calls of another copy of the library within a call leave what that has counted', () =>
    run(`${prelude}
      for (const file of Object.keys(require.cache)) {
        if (file.startsWith(require('node:path').resolve('lib'))) delete require.cache[file];
      }
      const other = require('./lib').withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi'));
      assert.notStrictEqual(other, koffi);
      for (const each of [koffi, other]) each.owned('Block', 'void *', { free: 'free' });
      koffi.proto('int Compare(const void *a, const void *b)');
      const search = 'bsearch(const void *key, _In_ int *values, size_t count, size_t size, Compare *compare)';
      const find = koffi.load(platform.libc).func('Block ' + search); // counted as what returns something
      const duplicate = other.load(platform.libc).func('Block ' + platform.posix('strdup') + '(const char *text)');
      const { NET } = binding.protocol.threadBlock;
      const doubles = new Float64Array(binding.threadBlock());
      const found = [];
      find(Buffer.alloc(4), [1], 1, 4, () => {
        doubles[NET] = 7;
        const block = duplicate('text');
        assert.throws(() => duplicate(Symbol('no text')), TypeError);
        found.push(block.size, doubles[NET]);
        block.dispose();
        return 1;
      });
      assert.deepStrictEqual(found, [5, 7]);
    `));

  test('in a callback nothing is counted for the call around it, also where it throws', () =>
    run(`${prelude}
      const libc = koffi.load(platform.libc);
      koffi.owned('Block', 'void *', { free: 'free' });
      koffi.proto('int Compare(const void *a, const void *b)');
      const search = 'bsearch(const void *key, _In_ int *values, size_t count, size_t size, Compare *compare)';
      const find = libc.func('Block ' + search); // counted as what returns something
      const thing = Buffer.alloc(4);
      const mark = new Float64Array(binding.threadBlock());
      const marks = [];
      const registered = koffi.register(() => marks.push(mark[0]) && 1, 'Compare *');
      for (const compare of [() => marks.push(mark[0]) && 1, registered]) find(thing, [1, 2, 3], 3, 4, compare);
      assert.deepStrictEqual(new Set(marks), new Set([0]));
      const fails = () => {
        throw new Error('mine');
      };
      assert.throws(() => find(thing, [1, 2, 3], 3, 4, fails), { message: 'mine' });
      assert.strictEqual(mark[0], 0);
    `));

  test('a view ends with the block that the pointer points to, wherever the rest of its bytes is', () =>
    run(`${prelude}
      const lib = koffi.load(counting);
      koffi.owned('Owned', 'Thing *', { free: 'thing_free' });
      const thing = lib.func('Owned thing_new(size_t bytes)')(1000);
      const own = binding.countedBytes(thing.address);
      lib.func('void thing_enlarge(Thing *thing, size_t bytes)')(thing, 50000);
      assert(own >= 1000 && own < 2000 && thing.size > 50000);
      assert.strictEqual(thing.view().byteLength, own);
      assert.strictEqual(thing.copy().length, own);
      assert.throws(() => thing.view(own + 1), { code: 'ERR_TALLY_INVALID_ARG_VALUE', message: /what C allocated/ });
    `));

  test('free() called by hand is its destructor', () =>
    run(`${prelude}
      const libc = koffi.load(platform.libc);
      koffi.owned('Block', 'void *', { free: 'free' });
      const duplicate = libc.func('Block ' + platform.posix('strdup') + '(const char *text)');
      const free = libc.func('void free(void *block)');
      const block = duplicate('mine');
      free(block);
      assert(block.disposed);
      assert.strictEqual(stats().pointers, 0);
    `));

  const addressOfFree = `koffi.load(platform.libc).symbol('free', 'void *')`;

  test.each([
    ['its address', addressOfFree],
    ['its address, with arguments', `{ address: ${addressOfFree}, args: [POINTER] }`],
  ])('the destructor may be free(), given as %s', (_, free) =>
    run(`${prelude}
      const { POINTER } = require('./lib');
      const lib = koffi.load(counting);
      koffi.owned('Text', 'void *', { free: ${free} });
      const make = lib.func('Text thing_text(size_t length)');
      make(10).dispose();
      const before = count();
      const texts = [make(100), make(1000)];
      assert.deepStrictEqual(texts.map(({ size }) => size), [101, 1001]);
      for (const text of texts) text.dispose();
      assert.strictEqual(count(), before);
    `),
  );

  test('a struct for which nothing is allocated yet is no wrong size, and grows', () =>
    run(`${prelude}
      let told = 0;
      process.on('warning', ({ code }) => (told += code === 'FFI_TALLY_NOT_COUNTED'));
      koffi.struct('Line', { line: 'void *' });
      koffi.owned('OwnedLine', 'Line', { free: (address) => free(koffi.decode(at(address), 'void *')) });
      const at = (address) => require('./lib/ffi/koffi/dialect').toKoffiPointer(koffi, address);
      const lib = koffi.load(counting);
      const free = lib.func('void thing_free(void *thing)');
      free(lib.func('void *thing_new(size_t bytes)')(1)); // the referee's own memory
      const before = count();
      const line = [null];
      lib.func('int thing_value(_Out_ OwnedLine *line)')(line); // which writes nothing
      assert.strictEqual(line[0].size, 0);
      lib.func('int thing_make(Line *line, size_t bytes)')(line[0], 1000);
      assert(line[0].size >= 1000);
      line[0].dispose();
      assert.deepStrictEqual([count(), stats().bytes], [before, 0]);
      setImmediate(() => assert.strictEqual(told, 0));
    `));

  test('the FFI complains of arguments as it does otherwise', () =>
    run(`${prelude}
      const libc = koffi.load(platform.libc);
      koffi.owned('Block', 'void *', { free: 'free' });
      const duplicate = libc.func('Block ' + platform.posix('strdup') + '(const char *text)');
      const message = /^Expected 1 arguments, got 0/;
      assert.throws(() => libc.func('void *' + platform.posix('strdup') + '(const char *text)')(), { message });
      assert.throws(() => duplicate(), { message });
    `));

  test('what a parent function makes is not taken for the pointer itself', () =>
    run(`${prelude}
      const { access } = require('./lib/pointers/tracked-pointer');
      const lib = koffi.load(counting);
      let inner = null;
      koffi.owned('Owned', 'Thing *', { free: 'thing_free', parent() {
        if (inner === null) {
          inner = undefined;
          inner = make(10);
        }
        return null;
      } });
      const make = lib.func('Owned thing_new(size_t bytes)');
      const thing = make(1000);
      assert(thing.size >= 1000);
      assert(access.accountOf(thing) < access.accountOf(inner));
    `));

  test('a library is found where it was when it was loaded', () =>
    run(`${prelude}
      const path = require('node:path');
      const before = process.cwd();
      process.chdir(path.dirname(counting));
      const lib = koffi.load('./' + path.basename(counting));
      process.chdir(before);
      koffi.owned('Owned', 'Thing *', { free: 'thing_free' });
      assert(lib.func('Owned thing_new(size_t bytes)')(1000).size >= 1000);
    `));

  testCutOff('a call that is cut off leaves nothing marked', () =>
    run(`${prelude}
      const libc = koffi.load(platform.libc);
      koffi.owned('Block', 'void *', { free: 'free' });
      const duplicate = libc.func('Block ' + platform.posix('strdup') + '(const char *text)');
      const Compare = koffi.proto('int Compare(const void *a, const void *b)');
      const sort = libc.func('void qsort(void *values, size_t count, size_t size, Compare *compare)');
      const values = duplicate('x'.repeat(99));
      const [mark] = [new Float64Array(binding.threadBlock())];
      ${CUT_OFF}
      turns().then(async () => {
        cutOff(() => sort(values, 3, 4, forever));
        assert.strictEqual(mark[0], 0, 'at once, as the callback had none');
        duplicate('y').dispose();
        await turns();
        assert.strictEqual(mark[0], 0);
        assert.strictEqual(duplicate('x'.repeat(49)).size, 50);
      });
    `),
  );

  testElf('what a call that is cut off was to take goes to nobody by the next', () =>
    run(`${prelude}
      const libc = koffi.load(platform.libc);
      koffi.owned('Block', 'void *', { free: 'free' });
      koffi.proto('int Compare(const void *a, const void *b)');
      const duplicate = libc.func('Block ' + platform.posix('strdup') + '(const char *text)');
      const find = libc.func('int bsearch(void *key, Block values, size_t count, size_t size, Compare *compare)');
      const align = libc.func('int posix_memalign(_Out_ Block *block, size_t alignment, size_t bytes)');
      const [key, values] = [duplicate('x'.repeat(9)), duplicate('x'.repeat(99))];
      ${CUT_OFF}
      turns().then(async () => {
        cutOff(() => find(key, values, 3, 4, forever));
        await turns();
        const box = [null];
        align(box, 64, 4000);
        assert(box[0].size < 4100);
        assert.strictEqual(key.size, 10);
      });
    `),
  );

  test('what a call has made and not given is not of the next that C gives', () =>
    run(`${prelude}
      const lib = koffi.load(counting);
      koffi.owned('Owned', 'Thing *', { free: 'thing_free' });
      koffi.proto('void Give(Owned thing)');
      const leak = lib.func('int thing_make(_Out_ Owned *out, size_t bytes)', { gives: () => false });
      const each = lib.func('int things_each(int count, size_t bytes, Give *give)');
      leak([null], 100_000);
      const sizes = [];
      each(1, 1000, ({ size }) => sizes.push(size));
      assert.deepStrictEqual(sizes, [1000]);
    `));

  test('a destructor that calls C while a call is concluded takes nothing of what that has made', () =>
    run(`${prelude}
      const { containers } = require('./test/support/build.js')();
      const lib = koffi.load(containers);
      koffi.opaque('Strings');
      koffi.opaque('Part');
      let part = null;
      koffi.owned('OwnedStrings', 'Strings *', { free: 'free_strings', parent: () => part });
      const [make, free] = [lib.func('OwnedStrings make_strings(int count)'), lib.func('void free_strings(void *part)')];
      const append = lib.func('void append_string(_Inout_ OwnedStrings *place)');
      let freed = 0;
      koffi.owned('OwnedPart', 'Part *', { size: 1, free(address) {
        free(address);
        make(50).dispose();
        freed++;
      } });
      const sizes = [];
      for (const needs of [false, true]) {
        part = needs ? lib.func('make_strings', 'OwnedPart', ['int'])(1) : null;
        const place = [make(10)];
        part?.dispose();
        part = null;
        append(place);
        sizes.push(place[0].size);
      }
      assert.strictEqual(freed, 1);
      assert.strictEqual(sizes[1], sizes[0]);
    `));

  test('a size function that is wrong is told, with both figures', async () => {
    const { code, stderr } = await runChild(`${prelude}
      const lib = koffi.load(counting);
      koffi.owned('Wrong', 'Thing *', { free: 'thing_free', size: (thing, bytes) => bytes / 10, compare: 'exact' });
      koffi.owned('Right', 'Thing *', { free: 'thing_free', size: (thing, bytes) => bytes, compare: 'exact' });
      for (const name of ['Right', 'Wrong']) {
        const make = lib.func(name + ' thing_new(size_t bytes)');
        for (let i = 0; i < 100; i++) make(1000).dispose();
        const { sizes, compared } = stats().accounts.find(({ label }) => label === name);
        assert.deepStrictEqual([sizes, compared.how, compared.measuredBytes], ['function', 'exact', 1000]);
      }
    `);
    expect(code).toBe(0);
    expect(stderr.match(/FFI_TALLY_WRONG_SIZE/g)).toHaveLength(1);
    expect(stderr).toMatch(/'Wrong' is said to be 100 bytes, and what C allocates for it is 1000/);
  });

  test('in workers, which count for themselves', () =>
    run(`${prelude}
      const { Worker } = require('node:worker_threads');
      const code = ${JSON.stringify(`${prelude}
        const lib = koffi.load(counting);
        koffi.owned('Owned', 'Thing *', { free: 'thing_free' });
        const make = lib.func('Owned thing_new(size_t bytes)');
        const things = Array.from({ length: 100 }, () => make(1000));
        for (const { size } of things) assert(size >= 1000 && size < 20_000_000);
      `)};
      let left = 4;
      for (let i = 0; i < 4; i++) {
        new Worker(code, { eval: true }).on('exit', (status) => {
          assert.strictEqual(status, 0);
          if (--left === 0) assert(count() < 20_000_000, 'what the library keeps for itself');
        });
      }
    `));

  testElf('random programs, whose objects have what is counted', () =>
    run('test/programs/ffi/koffi/exact-random.js', { args: [String(times(2, 20))] }),
  );

  testElf('in workers that end in every way', () =>
    run('test/programs/ffi/koffi/exact-workers.js', { args: [String(times(4, 100))] }),
  );

  const allocators = ['libjemalloc.so.2', 'libmimalloc.so.2', 'libtcmalloc_minimal.so.4'];

  testElf.each(some(allocators, 'libjemalloc.so.2'))('where %s is preloaded', async (name) => {
    const env = { LD_PRELOAD: allocator(name) };
    if (env.LD_PRELOAD === undefined) return;
    await run(
      `${prelude}
      const libc = koffi.load(null);
      koffi.owned('Owned', 'Thing *', { free: 'thing_free' });
      koffi.owned('Block', 'void *', { free: 'free' });
      const make = koffi.load(counting).func('Owned thing_new(size_t bytes)');
      make(10).dispose();
      const before = count();
      const things = [make(1000), make(100_000), libc.func('Block ' + platform.posix('strdup') + '(const char *text)')('x'.repeat(99))];
      assert.deepStrictEqual(things.map(({ size }) => size), [1000, 100_000, 100]);
      things.push(libc.func('Block malloc(size_t bytes)')(1000));
      assert(things[3].size >= 1000);
      assert.strictEqual(count() - before, stats().bytes);
      for (const thing of things) thing.dispose();
      assert.strictEqual(count(), before);
    `,
      { env },
    );
    await run('test/programs/ffi/koffi/exact-random.js', { args: ['1'], env });
  });

  const beginnings = [
    ['alone', ''],
    ['under a profile', `require('./lib').startProfile();`],
    ['under an audit', `require('./lib/tools/audit/listener').turnOn();`],
  ];

  test.each(some(beginnings, 'alone', 'under an audit'))(
    'what another thread has freed of an object is taken off in its next call, %s',
    (_, begin) =>
      run(`${prelude} ${begin}
      const { containers } = require('./test/support/build.js')();
      const lib = koffi.load(containers);
      koffi.owned('Strings', 'Thing *', { free: 'free_strings' });
      const [make, add] = [lib.func('Strings make_strings(int count)'), lib.func('void add_string(Thing *strings)')];
      const clear = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi').load(containers).func('void clear_strings(void *)');
      const few = make(0);
      const strings = make(100);
      clear.async(strings.address, () => {
        for (const each of [few, strings]) add(each);
        assert.strictEqual(strings.size, few.size);
      });
    `),
  );

  testElf('the tables that this takes are not native memory that nobody tracks', () =>
    run(`${prelude}
      const { memoryUsage } = require('./lib');
      const lib = koffi.load(counting, { metered: true });
      const [make, free] = [lib.func('Thing *thing_new(size_t bytes)'), lib.func('void thing_free(Thing *thing)')];
      const tables = () => { const { allocator, untracked } = memoryUsage(); return allocator.inUse - untracked; };
      const before = tables();
      const things = Array.from({ length: 50_000 }, () => make(1));
      const grown = tables() - before;
      assert(grown > 50_000 * 24 && grown < 50_000 * 24 * 4 + 100_000, grown);
      for (const thing of things) free(thing);
      const left = tables() - before;
      assert(left < grown / 4, left);
    `),
  );

  testElf('a library whose own functions Node exports is told at load, and is not counted', async () => {
    const { code, signal, stderr } = await runChild(`${prelude}
      koffi.owned('Owned', 'void *', { free: 'free' });
      for (let i = 0; i < 2; i++) {
        const lib = koffi.load('libz.so.1');
        assert.throws(() => lib.func('Owned zlibVersion()'), { code: 'ERR_TALLY_UNSUPPORTED', message: /deep: true/ });
      }
      koffi.load('libz.so.1', { deep: true });
    `);
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(stderr.match(/FFI_TALLY_EXPORTED/g)).toHaveLength(1);
    expect(stderr).toContain('libz.so.1');
  });

  testElf('where the dynamic linker is that of musl, { deep: true } is no way out', async () => {
    const { code, signal, stderr } = await runChild(`${prelude}
      binding.canLoadDeep = false;
      const plain = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');
      const shallow = withOwnership({ ...plain, default: undefined, load: (path) => plain.load(path) });
      shallow.owned('Owned', 'void *', { free: 'free' });
      const lib = shallow.load('libz.so.1', { deep: true });
      assert.throws(() => lib.func('Owned zlibVersion()'), { code: 'ERR_TALLY_UNSUPPORTED', message: /in Node\\. Or/ });
    `);
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(stderr).toMatch(/FFI_TALLY_EXPORTED[^]*-Bsymbolic/);
  });

  test('in programs, with whatever the C runtime allocates, too', async () => {
    const { code, signal, stdout } = await runChild('test/programs/ffi/koffi/exact-runtimes.js');
    expect({ code, signal, stdout }).toEqual({
      code: 0,
      signal: null,
      stdout: expect.stringMatching(/"kept":0/),
    });
  });
});
