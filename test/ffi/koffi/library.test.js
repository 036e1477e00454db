/** @jest-environment ./test/support/once.js */
'use strict';
// A library goes when Koffi says so, but never under the feet of a pointer whose destructor is in it.

const { runChild } = require('../../support/child.js');
const { canTell } = require('../../support/loaded.js');
const { some } = require('../../support/whole.js');

const koffiName = process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi';
const isKoffi2 = require(koffiName).type === undefined;
const env = { FFI_TALLY_TEST_KOFFI: koffiName };
const testLoaded = canTell ? test : test.skip;

// The second copy of the referee is loaded by these programs alone, so that nobody else keeps it mapped.
const prelude = `
  const { collect, stats } = require('./lib');
  const raw = require(process.env.FFI_TALLY_TEST_KOFFI);
  const koffi = require('./lib/ffi/koffi').withOwnership(raw);
  const { counting, counting2 } = require('./test/support/build.js')();
  const { gc, gcUntil } = require('./test/support/gc-until.js');
  const { canTell, isLoaded } = require('./test/support/loaded.js');
  const mapped = () => canTell && isLoaded(counting2);
  koffi.opaque('Thing');
  koffi.owned('Owned', 'Thing *', { free: 'thing_free', size: 'thing_size' });
  koffi.owned('Given', 'Thing *', { free: (address) => { given.push(address); }, size: 10 });
  const given = [];
  // Counters of a copy that may be unloaded: what was freed is said by its destructor, over a pipe of its own.
  const load = () => koffi.load(counting2);
  const say = (...values) => console.log(...values);
`;

async function run(code, options = {}) {
  const child = await runChild(`${prelude}\n(async () => {\n${code}\n})();`, { env, ...options });
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  return child.stdout.trim().split('\n');
}

test('options that are undefined are none', () =>
  run(`
    const lib = koffi.load(counting);
    lib.func('Owned thing_new(size_t bytes)', undefined)(10).dispose();
    lib.func('thing_new', 'Owned', ['size_t'], undefined)(10).dispose();
  `));

testLoaded(
  'unload() with live pointers: their destructors still run, and then the library goes',
  async () => {
    const lines = await run(`
    say(mapped());
    const lib = load();
    const make = lib.func('Owned thing_new(size_t bytes)');
    const things = Array.from({ length: 10 }, () => make(100));
    say(mapped());
    lib.unload();
    say(mapped(), stats().pointers);
    things.pop().dispose();
    things.pop().dispose();
    say(mapped(), stats().pointers);
    things.length = 0;
    collect();
    say(stats().pointers, stats().totals.failed);
    await gcUntil('the library is gone', () => (collect(), !mapped()), 20).catch(() => {});
    say(mapped());
  `);
    expect(lines).toEqual(['false', 'true', 'true 10', 'true 8', '0 0', 'false']);
  },
);

testLoaded('unload() with live structs that are freed by value: the same', async () => {
  const lines = await run(`
    const lib = load();
    koffi.struct('Holder', { length: 'uint64_t', text: 'void *', thing: 'void *', part: 'float' });
    koffi.owned('OwnedHolder', 'Holder', { free: lib.func('void holder_free(Holder holder)'), size: 1 });
    const make = lib.func('OwnedHolder holder_new(size_t bytes)');
    const holders = [make(10), make(10)];
    lib.unload();
    holders.pop().dispose();
    say(mapped(), stats().pointers);
    holders.length = 0;
    collect();
    say(stats().pointers, stats().totals.failed);
    // Koffi 2 unloads nothing by itself.
    if (koffi.type !== undefined) await gcUntil('the library is gone', () => (collect(), !mapped()), 20).catch(() => {});
    say(koffi.type !== undefined && mapped());
  `);
  expect(lines).toEqual(['true 1', '0 0', 'false']);
});

// thing_call() as destructor, so that JavaScript is called back while the library's code is on the stack.
const places = [
  ['that is in the nursery', `own(10).dispose();`],
  ['that track() has put there', `track(address, { size: 10, free: destructor }).dispose();`],
  ['that has a slot', `const thing = own(10); stats(); thing.dispose();`],
  ['that could not be tracked', `try { track(address, { size: -1, free: destructor }); } catch {}`],
];

testLoaded.each(some(places, 'that is in the nursery', 'that has a slot', 'that could not be tracked'))(
  'unload() in the destructor of a pointer %s',
  async (_, dispose) => {
    const lines = await run(`
    const { POINTER, track } = require('./lib');
    const lib = load();
    const addressOf = (pointer) => (typeof pointer === 'bigint' ? pointer : raw.address(pointer));
    const address = addressOf(lib.func('Thing *thing_new(size_t bytes)')(10));
    const callback = koffi.register(() => {
      lib.unload();
      say('unloaded', mapped());
      return 0;
    }, koffi.pointer(koffi.proto('int Callback(Thing *thing, int value)')));
    const args = [POINTER, addressOf(callback), 0];
    const destructor = { address: addressOf(lib.symbol('thing_call', 'void *')), args };
    const own = lib.func('Thing *thing_new(size_t bytes)', { free: destructor, size: 10 });
    ${dispose}
    say(stats().pointers, stats().totals.failed);
    await gcUntil('the library is gone', () => (collect(), !mapped()), 20).catch(() => {});
    say(mapped());
  `);
    expect(lines).toEqual(['unloaded true', '0 0', 'false']);
  },
);

testLoaded('unload() without pointers: the library goes at once', async () => {
  const lines = await run(`
    const lib = load();
    const make = lib.func('Owned thing_new(size_t bytes)');
    make(10).dispose();
    lib.func('int64_t thing_id(Thing *thing)');
    say(mapped());
    lib.unload();
    say(mapped());
  `);
  expect(lines).toEqual(['true', 'false']);
});

testLoaded('unload() without ownership is that of Koffi', async () => {
  const lines = await run(`
    const lib = load();
    lib.func('int64_t counter(const char *name)');
    say(mapped());
    lib.unload();
    say(mapped());
  `);
  expect(lines).toEqual(['true', 'false']);
});

testLoaded('a library that nobody refers to, with live pointers', async () => {
  const lines = await run(`
    const things = [];
    (() => {
      const make = load().func('Owned thing_new(size_t bytes)');
      for (let i = 0; i < 10; i++) things.push(make(100 + i));
    })();
    for (let i = 0; i < 10; i++) {
      await new Promise(setImmediate);
      gc();
    }
    say(mapped(), stats().bytes);
    for (const thing of things.splice(0, 5)) thing.dispose();
    things.length = 0;
    collect();
    say(stats().pointers, stats().totals.failed);
  `);
  expect(lines).toEqual(['true 1045', '0 0']);
});

// Koffi 2 itself keeps such a library.
(isKoffi2 ? test.skip : testLoaded)(
  'a library that nobody refers to goes like one of Koffi, once its pointers are gone',
  async () => {
    const lines = await run(`
    const things = [];
    (() => {
      const make = load().func('Owned thing_new(size_t bytes)');
      things.push(make(10), make(10));
    })();
    await gcUntil('never', () => (collect(), !mapped()), 5).catch(() => {});
    say(mapped());
    things.length = 0;
    say(await gcUntil('the library is gone', () => (collect(), !mapped()), 20).then(() => true, () => false));
  `);
    expect(lines).toEqual(['true', 'true']);
  },
);

test('unload() twice, and Symbol.dispose, are those of Koffi', async () => {
  const lines = await run(`
    for (const api of [raw, koffi]) {
      const lib = api.load(counting2);
      const results = [];
      for (let i = 0; i < 2; i++) {
        try { results.push(String(lib.unload())); } catch (error) { results.push(error.message); }
      }
      for (const symbol of [Symbol.dispose, Symbol.for('nodejs.dispose')]) {
        if (symbol === undefined || !(symbol in lib)) continue;
        try { results.push(String(lib[symbol]())); } catch (error) { results.push(error.message); }
      }
      say(results.join());
    }
  `);
  expect(lines[1]).toBe(lines[0]);
});

test('a JavaScript destructor that calls into its library keeps it loaded by being a closure', async () => {
  const lines = await run(`
    const things = [];
    (() => {
      const lib = load();
      const free = lib.func('void thing_free(void *thing)');
      koffi.owned('Closed', 'Thing *', { free: (address) => free(address), size: 1 });
      const make = lib.func('Closed thing_new(size_t bytes)');
      things.push(make(10), make(10));
    })();
    for (let i = 0; i < 5; i++) {
      await new Promise(setImmediate);
      gc();
    }
    things.length = 0;
    collect();
    say(stats().pointers, stats().totals.failed);
  `);
  expect(lines).toEqual(['0 0']);
});

test('two libraries with the same symbols: each frees its own', async () => {
  const lines = await run(`
    const libs = [counting, counting2].map((path) => koffi.load(path));
    const counters = libs.map((lib) => lib.func('int64_t counter(const char *name)'));
    const makes = libs.map((lib) => lib.func('Owned thing_new(size_t bytes)'));
    const [a, b] = makes.map((make) => make(100));
    say(counters.map((counter) => counter('made')).join());
    a.dispose();
    say(counters.map((counter) => counter('freed')).join());
    b.dispose();
    say(counters.map((counter) => counter('freed')).join());
    (() => { for (let i = 0; i < 10; i++) makes[i % 2](1000); })();
    collect();
    say(counters.map((counter) => counter('freed')).join(), counters.map((counter) => counter('foreign_frees')).join());
    say(stats().accounts.filter(({ label }) => label === 'Owned').length > 0);
  `);
  expect(lines).toEqual(['1,1', '1,0', '1,1', '6,6 0,0', 'true']);
});

test('a size function belongs to its library too', async () => {
  const lines = await run(`
    const libs = [counting, counting2].map((path) => koffi.load(path));
    const things = libs.map((lib, i) => lib.func('Owned thing_new(size_t bytes)')(100 + i));
    say(things.map((thing) => thing.size).join());
    things.forEach((thing) => thing.dispose());
    say(libs.map((lib) => lib.func('int64_t counter(const char *name)')('freed_underfoot')).join());
  `);
  expect(lines).toEqual(['100,101', '0,0']);
});

test('loaded twice: unloading one leaves the other', async () => {
  const lines = await run(`
    const [one, two] = [load(), load()];
    const thing = two.func('Owned thing_new(size_t bytes)')(10);
    const id = two.func('int64_t thing_id(Thing *thing)');
    one.unload();
    say(Number(id(thing)) > 0);
    thing.dispose();
    say(Number(two.func('int64_t counter(const char *name)')('freed')));
  `);
  expect(lines).toEqual(['true', '1']);
});

test('declared with options, and dropped, a thousand times', async () => {
  const lines = await run(`
    const { survey } = require('./lib/binding');
    const lib = load();
    const declare = () => lib.func('Thing *thing_new(size_t bytes)', { free: 'thing_free', size: 10 })(10).dispose();
    for (let i = 0; i < 1000; i++) declare();
    const kinds = () => survey().pointers.length;
    await gcUntil('the numbers of their kinds are given again', () => {
      const known = kinds();
      for (let i = 0; i < 100; i++) declare();
      return kinds() === known;
    });
    say(stats().accounts.length, stats().totals.disposed - stats().accounts[0].disposed);
  `);
  expect(lines).toEqual(['1 0']);
});

testLoaded('loaded, used and unloaded a hundred times', async () => {
  const lines = await run(`
    for (let i = 0; i < 100; i++) {
      const lib = load();
      const make = lib.func('Owned thing_new(size_t bytes)');
      const things = [make(100), make(100)];
      lib.unload();
      things[0].dispose();
      things[1].dispose();
    }
    collect();
    say(stats().pointers, stats().totals.failed, stats().totals.disposed);
    await gcUntil('the library is gone', () => (collect(), !mapped()), 20).catch(() => {});
    say(mapped());
  `);
  expect(lines).toEqual(['0 0 200', 'false']);
});

test('a worker that fails in the turn of its first pointer, whose library only it has, ends alone', async () => {
  // Koffi after us, as for who requires the drop-in: then Koffi closes first.
  const work = `
    const koffi = require('./lib/ffi/koffi').withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI));
    const make = koffi.load(${JSON.stringify(require('../../support/build.js')().counting2)})
      .func('void *thing_new(size_t bytes)', { free: 'thing_free', size: 10 });
    globalThis.kept = make(10);
    throw new Error('it fails');
  `;
  const code = `
    const { Worker } = require('node:worker_threads');
    const worker = new Worker(${JSON.stringify(work)}, { eval: true });
    worker.on('error', ({ message }) => console.log(message));
  `;
  expect(await runChild(code, { env })).toMatchObject({ code: 0, signal: null, stdout: 'it fails\n' });
});

test('a worker unloads, the main thread goes on', async () => {
  const work = `${prelude}
    const lib = load();
    const make = lib.func('Owned thing_new(size_t bytes)');
    globalThis.kept = [make(10), make(10)];
    lib.unload();
  `;
  const lines = await run(`
    const { Worker } = require('node:worker_threads');
    const lib = load();
    const thing = lib.func('Owned thing_new(size_t bytes)')(10);
    const counter = lib.func('int64_t counter(const char *name)');
    const worker = new Worker(${JSON.stringify(work)}, { eval: true });
    await new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve));
    say(Number(counter('made')), Number(counter('freed')));
    thing.dispose();
    say(Number(counter('live')), Number(counter('double_frees')));
  `);
  expect(lines).toEqual(['3 2', '0 0']);
});

test('a library that is loaded, used, and unloaded again and again is kept by nobody', async () => {
  const lines = await run(`
    const cycle = () => {
      const lib = load();
      const make = lib.func('Owned thing_new(size_t bytes)');
      const other = lib.func('void *thing_new(size_t bytes)', { free: 'thing_free', size: (address, bytes) => bytes });
      make(16).dispose();
      other(16).dispose();
      lib.unload();
      return new WeakRef(lib);
    };
    const libraries = Array.from({ length: 10 }, cycle);
    const kept = () => libraries.filter((library) => library.deref() !== undefined).length;
    await gcUntil('all are gone', () => kept() === 0).catch(() => {});
    say(kept());
  `);
  expect(lines).toEqual(['0']);
});

test('what libraries had that are unloaded in one turn is not kept until its end', async () => {
  const lines = await run(`
    const cycle = () => {
      const lib = load();
      lib.func('void *thing_new(size_t bytes)', { free: 'thing_free', size: 16 })(16).dispose();
      lib.unload();
    };
    const heap = () => (gc(), gc(), process.memoryUsage().heapUsed);
    for (let i = 0; i < 100; i++) cycle();
    const before = heap();
    for (let i = 0; i < 500; i++) cycle();
    const each = (heap() - before) / 500;
    say(each < 2000 ? 'little' : each);
  `);
  expect(lines).toEqual(['little']);
});
