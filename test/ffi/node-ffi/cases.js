'use strict';
// What must hold of ffi-tally/node-ffi, without Jest, for a Node that has node:ffi. With `run` as its argument the
// file runs all of it and prints a line of JSON for each case.

const assert = require('node:assert/strict');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { canTell, isLoaded } = require('../../support/loaded.js');

const lib = path.join(__dirname, '../../../lib');
const MB = 2 ** 20;

// Node 20 only lists the cases, and could not load this.
function setUp() {
  const { counting, counting2 } = require('../../support/build.js')();
  const ffi = require(path.join(lib, 'ffi/node-ffi'));
  const tally = require(lib);
  const plain = require('node:ffi');
  const referee = new plain.DynamicLibrary(counting);
  const counter = referee.getFunction('counter', { arguments: ['string'], return: 'int64' });
  const reset = referee.getFunction('counters_reset', {});
  const Thing = ffi.owned('Thing', { free: 'thing_free', size: 'thing_size' });
  const Other = ffi.owned('Other', { free: 'thing_free', size: 1 });
  const Parent = ffi.owned('Parent', { free: 'parent_free', size: 1000 });
  const Child = ffi.owned('Child', { free: 'child_free', size: 10, parent: 0 });
  const { functions } = ffi.dlopen(counting, {
    thing_new: { arguments: ['uint64'], return: Thing },
    thing_free: { arguments: ['pointer'] },
    thing_id: { arguments: [Thing.borrowed], return: 'int64' },
    thing_value: { arguments: ['pointer'], return: 'int32' },
    thing_grow: { arguments: [Thing, 'uint64'], return: Thing },
    thing_make: { arguments: [Thing.out, 'uint64'], return: 'int32' },
    thing_replace: { arguments: [Thing.inout, 'uint64'], return: 'int32' },
    thing_interior: { arguments: ['pointer', 'uint64'], return: 'pointer', keeps: 0 },
    thing_owner_id: { arguments: ['pointer'], return: 'int64' },
    thing_enlarge: { arguments: ['pointer', 'uint64'], resizes: 0 },
    thing_call: { arguments: ['pointer', 'function', 'int32'], return: 'int32' },
    parent_new: { arguments: ['uint64'], return: Parent },
    child_new: { arguments: [Parent.borrowed, 'uint64'], return: Child },
  });
  const count = (name) => Number(counter(name));
  return { counting, counting2, ffi, plain, tally, Thing, Other, Parent, Child, c: functions, count, reset };
}

const code = (expected) => (error) => {
  assert.equal(error.code, expected, error.stack);
  return true;
};

const cases = {
  'a result of an owned type is tracked, and NULL is null': ({ c, tally }) => {
    const thing = c.thing_new(1000);
    assert.ok(thing instanceof tally.TrackedPointer);
    assert.deepEqual([thing.label, thing.size], ['Thing', 1000]);
    assert.equal(tally.stats().bytes, 1000);
    assert.equal(c.thing_new(0), null);
    thing.dispose();
  },

  'garbage is freed inside of a synchronous loop': ({ c, count }) => {
    for (let i = 0; i < 2000; i++) c.thing_new(MB);
    assert.equal(count('made'), 2000);
    assert.ok(count('peak_bytes') < 256 * MB, `${count('peak_bytes')} bytes at a time`);
  },

  'a pointer parameter borrows whatever is tracked, and takes what Node takes': ({ c }) => {
    const thing = c.thing_new(10);
    const id = c.thing_value(thing);
    assert.ok(id > 0);
    assert.equal(c.thing_value(thing.address), id);
    assert.equal(c.thing_id(thing), BigInt(id));
    assert.equal(c.thing_owner_id(thing), BigInt(id));
    thing.dispose();
    assert.throws(() => c.thing_value(thing), code('ERR_TALLY_DISPOSED'));
    assert.throws(() => c.thing_value({}), code('ERR_INVALID_ARG_VALUE'));
    assert.throws(() => c.thing_value(), code('ERR_INVALID_ARG_VALUE'));
  },

  '.borrowed takes its own type only': ({ ffi, c, counting, Other }) => {
    const other = ffi.dlopen(counting, { thing_new: { arguments: ['uint64'], return: Other } });
    const thing = other.functions.thing_new(10);
    assert.throws(() => c.thing_id(thing), code('ERR_TALLY_TYPE_MISMATCH'));
    assert.throws(() => c.thing_grow(thing, 20), code('ERR_TALLY_TYPE_MISMATCH'));
    assert.ok(c.thing_value(thing) > 0);
    thing.dispose();
  },

  'an owned type as a parameter is consumed': ({ c, tally }) => {
    const small = c.thing_new(10);
    const large = c.thing_grow(small, 5000);
    assert.deepEqual([small.disposed, large.disposed, large.size], [true, false, 5000]);
    assert.equal(tally.stats().pointers, 1);
    assert.equal(tally.stats().accounts.find(({ label }) => label === 'Thing').bytes, 5000);
    large.dispose();
  },

  'what Node refuses is not consumed': ({ c, ffi, counting, Thing }) => {
    const thing = c.thing_new(10);
    assert.throws(() => c.thing_grow(thing, 'large'), code('ERR_INVALID_ARG_VALUE'));
    assert.equal(thing.disposed, false);
    const other = ffi.dlopen(counting, { thing_free_ctx: { arguments: ['pointer', Thing] } });
    other.lib.close();
    assert.throws(() => other.functions.thing_free_ctx(null, thing), code('ERR_FFI_LIBRARY_CLOSED'));
    assert.equal(thing.disposed, false);
    thing.dispose();
  },

  'more arguments than parameters are refused, as Node does it, and nothing is consumed': ({
    c,
    ffi,
    counting,
    count,
  }) => {
    const thing = c.thing_new(10);
    const made = count('made');
    const none = ffi.dlopen(counting, {
      thing_new: { arguments: [], return: ffi.owned('None', { free: 'thing_free', size: 1 }) },
    });
    const calls = {
      destructor: () => c.thing_free(thing, 1),
      borrowed1: () => c.thing_value(thing, undefined),
      consumed: () => c.thing_grow(thing, 20, 1),
      borrowed2: () => c.thing_interior(thing, 1, 1),
      borrowed3: () => c.thing_call(thing, null, 0, 0),
      given: () => c.thing_new(10, 1),
      out: () => c.thing_make([null], 10, 1),
      none: () => none.functions.thing_new(1),
    };
    for (const [name, call] of Object.entries(calls))
      assert.throws(call, code('ERR_INVALID_ARG_VALUE'), name);
    none.lib.close();
    assert.deepEqual([thing.disposed, count('freed'), count('made')], [false, 0, made]);
    thing.dispose();
  },

  'the destructor by hand disposes': ({ c, count, tally }) => {
    const parent = c.thing_new(10);
    const child = c.thing_interior(parent, 5);
    c.thing_free(parent);
    assert.deepEqual([parent.disposed, count('freed')], [true, 0]);
    child.dispose();
    assert.equal(count('freed'), 1);
    assert.equal(tally.stats().pointers, 0);
  },

  'the destructor by hand is known by its address': ({ counting, ffi, plain, c, count, tally }) => {
    const { lib, functions } = ffi.dlopen(counting, {
      thing_new: { arguments: ['uint64'], return: 'pointer', free: c.thing_free.pointer, size: 1 },
      thing_free: { arguments: ['pointer'] },
    });
    const { functions: unowned } = plain.dlopen(counting, {
      thing_new: { arguments: ['uint64'], return: 'pointer' },
    });
    const free = c.thing_free.pointer;
    const things = [functions.thing_new(10), tally.track(unowned.thing_new(10), { size: 1, free })];
    for (const thing of things) functions.thing_free(thing);
    assert.deepEqual([things.every(({ disposed }) => disposed), count('freed')], [true, 2]);
    lib.close();
  },

  'invalid: an address that is no pointer is null': ({ counting, ffi, plain, count }) => {
    const { functions: unowned } = plain.dlopen(counting, {
      thing_new: { arguments: ['uint64'], return: 'pointer' },
      thing_free: { arguments: ['pointer'] },
    });
    const address = unowned.thing_new(10);
    const { lib, functions } = ffi.dlopen(counting, {
      thing_interior: {
        arguments: ['pointer', 'uint64'],
        return: 'pointer',
        free: 'thing_free',
        size: 1,
        invalid: address,
      },
    });
    assert.equal(functions.thing_interior(address, 0), null);
    assert.equal(count('freed'), 0);
    unowned.thing_free(address);
    assert.throws(() => lib.getFunction('thing_id', { invalid: -1 }), code('ERR_TALLY_UNSUPPORTED'));
    lib.close();
  },

  'gives and takes: the outcome decides': ({ counting, ffi, Thing, count }) => {
    const { lib, functions } = ffi.dlopen(counting, {
      thing_find: {
        arguments: ['int32', 'pointer', Thing.out],
        return: 'int32',
        gives: (code) => code === 0,
      },
      thing_take: { arguments: [Thing, 'int32'], return: 'int32', takes: (code) => code === 0 },
    });
    const box = [null];
    functions.thing_find(0, null, box);
    const [thing] = box;
    functions.thing_find(1, thing, box);
    assert.equal(box[0], thing.address);
    functions.thing_find(1, null, box);
    assert.equal(box[0], null);
    assert.deepEqual([functions.thing_take(thing, 1), thing.disposed], [1, false]);
    assert.deepEqual([functions.thing_take(thing, 0), thing.disposed, count('freed')], [0, true, 1]);
    for (const options of [{ gives: () => true }, { takes: () => true }])
      assert.throws(() => lib.getFunction('thing_value', options), code('ERR_TALLY_UNSUPPORTED'));
    lib.close();
  },

  'what Node refuses is refused in its words': ({ counting, ffi, plain }) => {
    const told = ({ DynamicLibrary, dlopen }, definitions) =>
      [(given) => new DynamicLibrary(counting).getFunctions(given), (given) => dlopen(counting, given)].map(
        (attempt) => {
          try {
            return Object.keys(attempt(definitions));
          } catch ({ name, code: its, message }) {
            return [name, its, message];
          }
        },
      );
    const all = [undefined, null, 1, 'thing_id', () => {}, [], [{}], {}, Object.create({ thing_id: {} })];
    for (const signature of [1, null, undefined, [], 'int', () => {}, { arguments: ['x'] }, { return: 7 }])
      all.push({ thing_id: signature });
    all.push({ thing_id: {}, nothing: {} });
    for (const definitions of all) assert.deepEqual(told(ffi, definitions), told(plain, definitions));
    const { lib } = plain.dlopen(counting);
    const { lib: ours } = ffi.dlopen(counting);
    for (const signature of [[], null, 1, {}]) {
      const [expected, found] = [lib, ours].map((each) => {
        try {
          return typeof each.getFunction('thing_id', signature);
        } catch (error) {
          return error.message;
        }
      });
      assert.equal(found, expected);
    }
  },

  'getFunctions() declares all or none': ({ counting, ffi }) => {
    for (const wrong of [
      { nothing: {} },
      { thing_size: { arguments: ['x'] } },
      { thing_size: { size: 1 } },
    ]) {
      const lib = new ffi.DynamicLibrary(counting);
      assert.throws(() => lib.getFunctions({ thing_id: { arguments: ['pointer'] }, ...wrong }));
      assert.deepEqual(Object.keys(lib.functions), []);
      assert.equal(lib.getFunction('thing_id', { arguments: ['pointer'] }).length, 1);
      lib.close();
    }
  },

  'functions and methods look as those of Node do': ({ ffi, plain }) => {
    for (const [name, func] of Object.entries(plain)) {
      if (typeof func === 'function')
        assert.deepEqual([ffi[name].name, ffi[name].length], [name, func.length]);
    }
    const names = (library) => {
      const found = [];
      for (const name in library.prototype) found.push(name);
      return found.sort();
    };
    assert.deepEqual(names(ffi.DynamicLibrary), names(plain.DynamicLibrary));
  },

  'through .out C gives, through .inout it replaces': ({ c }) => {
    const box = [null];
    assert.equal(c.thing_make(box, 100), 0);
    const [first] = box;
    assert.equal(first.size, 100);
    assert.equal(c.thing_replace(box, 9000), 0);
    const [second] = box;
    assert.deepEqual([first.disposed, second.size], [true, 9000]);
    assert.equal(c.thing_make(box, 0), 1);
    assert.equal(box[0], null);
    assert.throws(() => c.thing_make(7, 100), code('ERR_TALLY_INVALID_ARG_TYPE'));
    second.dispose();
    const fresh = [null];
    assert.equal(c.thing_replace(fresh, 10), 0);
    fresh[0].dispose();
  },

  'keeps: what points inside keeps its owner': ({ c, tally, count }) => {
    const inside = (() => c.thing_interior(c.thing_new(100), 50))();
    for (let i = 0; i < 3; i++) tally.collect();
    assert.equal(count('freed'), 0);
    assert.ok(c.thing_owner_id(inside) > 0n);
    inside.dispose();
    tally.collect();
    assert.equal(count('freed'), 1);
  },

  '.out: an array that C fills': ({ ffi, counting, Thing, count }) => {
    const { functions } = ffi.dlopen(counting, {
      thing_fill: { arguments: [Thing.out, 'int32', 'uint64'], return: 'int32' },
    });
    const out = [null, null, null];
    assert.equal(functions.thing_fill(out, 2, 20n), 2);
    assert.deepEqual(
      out.map((thing) => thing?.size),
      [20, 20, undefined],
    );
    for (const thing of out) thing?.dispose();
    assert.equal(count('freed'), 2);
  },

  'keeps: a Buffer, by the result and by an argument, until it is replaced': async ({ ffi, c, counting }) => {
    const { functions } = ffi.dlopen(counting, {
      thing_interior: { arguments: ['pointer', 'uint64'], return: 'pointer', keeps: { result: 0 } },
      thing_act: {
        arguments: ['string', 'pointer', 'buffer', 'uint64', 'uint64'],
        return: 'uint64',
        keeps: { 1: 2 },
        replaces: 3,
      },
    });
    const { gcUntil } = require('../../support/gc-until.js');
    const fresh = (use) => {
      const buffer = Buffer.alloc(1000);
      const memory = new WeakRef(buffer.buffer);
      return { memory, result: use(buffer) };
    };
    const isGone = ({ memory }) => gcUntil('it is collected', () => memory.deref() === undefined);
    const thing = c.thing_new(10);
    const set = (key) => fresh((buffer) => functions.thing_act('>', thing, buffer, key, 0n));
    const [first, second] = [set(1n), set(2n)];
    const third = set(1n);
    await isGone(first);
    assert.ok(second.memory.deref() !== undefined && third.memory.deref() !== undefined);
    thing.dispose();
    await isGone(second);
    await isGone(third);
    assert.throws(
      () => functions.thing_act('>', 1n, Buffer.alloc(1), 0n, 0n),
      code('ERR_TALLY_INVALID_ARG_TYPE'),
    );
    assert.throws(() => functions.thing_interior('text', 0n), code('ERR_TALLY_INVALID_ARG_TYPE'));
  },

  'parent: a child is freed before its parent': ({ c, tally, count }) => {
    (() => {
      for (let i = 0; i < 100; i++) c.child_new(c.parent_new(100), 10);
    })();
    tally.collect();
    assert.deepEqual([count('made'), count('freed'), count('orphans')], [200, 200, 0]);
  },

  'resizes: measured again after the call': ({ c, tally }) => {
    const thing = c.thing_new(100);
    c.thing_enlarge(thing, 400);
    assert.equal(thing.size, 500);
    assert.equal(tally.stats().bytes, 500);
    thing.dispose();
  },

  'a size function may be declared by the user too': ({ ffi, counting, Thing }) => {
    const { lib, functions } = ffi.dlopen(counting, { thing_new: { arguments: ['uint64'], return: Thing } });
    const size = lib.getFunction('thing_size', { arguments: [Thing.borrowed], return: 'int64' });
    const thing = functions.thing_new(33);
    assert.equal(size(thing), 33n);
    assert.equal(thing.size, 33);
    thing.dispose();
  },

  'options of one declaration': ({ ffi, counting, tally, count }) => {
    const signature = {
      arguments: ['uint64'],
      return: 'pointer',
      free: 'thing_free',
      shared: true,
      size: (_, n) => n,
    };
    const { functions } = ffi.dlopen(counting, { thing_new: signature });
    (() => functions.thing_new(64))();
    assert.deepEqual([tally.stats().bytes, count('live')], [64, 1]);
    tally.collect();
    assert.deepEqual([tally.stats().bytes, count('live')], [0, 0]);
  },

  'what a signature cannot mean is refused, and the library closed': ({ ffi, counting, Thing }) => {
    const { prototype } = ffi.DynamicLibrary;
    const { close } = prototype;
    let closed = 0;
    prototype.close = function () {
      closed++;
      close.call(this);
    };
    const refused = (signature, expected) => {
      closed = 0;
      assert.throws(() => ffi.dlopen(counting, { thing_new: signature }), code(expected));
      assert.equal(closed, 1);
    };
    refused({ arguments: ['uint64'], result: Thing }, 'ERR_TALLY_UNKNOWN_OPTION');
    assert.throws(() => ffi.dlopen(counting, { thing_new: { result: Thing } }), /arguments, return, free/);
    refused({ arguments: ['uint64'], return: Thing.out }, 'ERR_TALLY_UNSUPPORTED');
    refused({ arguments: ['uint64'], return: Thing, free: 'thing_free' }, 'ERR_TALLY_UNSUPPORTED');
    refused({ arguments: ['uint64'], return: 'int64', free: 'thing_free', size: 1 }, 'ERR_TALLY_UNSUPPORTED');
    refused({ arguments: ['uint64'], return: 'pointer', size: 1 }, 'ERR_TALLY_UNSUPPORTED');
    refused({ arguments: ['uint64'], return: 'pointer', keeps: 1 }, 'ERR_TALLY_INVALID_ARG_VALUE');
    refused(
      { arguments: ['uint64'], return: 'pointer', free: 'nothing', size: 1 },
      'ERR_TALLY_UNKNOWN_SYMBOL',
    );
    refused({ arguments: ['uint63'], return: Thing }, 'ERR_INVALID_ARG_VALUE');
    refused({ arguments: 'uint64', return: Thing }, 'ERR_INVALID_ARG_TYPE');
    refused({ arguments: [{}], return: Thing }, 'ERR_INVALID_ARG_TYPE');
    refused(null, 'ERR_INVALID_ARG_TYPE');
    assert.throws(() => ffi.dlopen(counting, null), code('ERR_INVALID_ARG_TYPE'));
    prototype.close = close;
  },

  'what an owned type cannot be is refused': ({ ffi }) => {
    const refused = (name, options, expected) =>
      assert.throws(() => ffi.owned(name, options), code(expected));
    refused('', { free: null, size: 1 }, 'ERR_TALLY_INVALID_ARG_TYPE');
    refused('Thing', { free: null, size: 1 }, 'ERR_TALLY_INVALID_ARG_VALUE');
    if (!require(path.join(lib, 'binding')).canPatch)
      refused('Sizeless', { free: null }, 'ERR_TALLY_SIZE_REQUIRED');
    refused('Homeless', { size: 1 }, 'ERR_TALLY_INVALID_ARG_TYPE');
    refused('Typo', { free: null, sice: 1 }, 'ERR_TALLY_UNKNOWN_OPTION');
  },

  'nothing is freed while a C call is on the stack': ({ plain, counting, c, count }) => {
    const library = new plain.DynamicLibrary(counting);
    const thing = c.thing_new(10);
    let freedInside;
    const signature = { arguments: ['pointer', 'int32'], return: 'int32' };
    const callback = library.registerCallback(signature, (_, value) => {
      thing.dispose();
      freedInside = count('freed');
      return value + 1;
    });
    assert.equal(c.thing_call(thing, callback, 41), 42);
    assert.deepEqual([freedInside, count('freed')], [0, 1]);
    library.unregisterCallback(callback);
  },

  'functions on memory take tracked pointers': ({ ffi, c }) => {
    const thing = c.thing_new(100);
    ffi.exportString('written', thing, 100);
    assert.equal(ffi.toString(thing), 'written');
    ffi.setUint8(thing, 0, 87);
    assert.equal(ffi.getUint8(thing, 0), 87);
    assert.equal(ffi.toBuffer(thing, 7).toString(), 'Written');
    const copy = ffi.toArrayBuffer(thing, 7);
    const [view, buffer] = [ffi.toArrayBuffer(thing, 100, false), ffi.toBuffer(thing, 100, false)];
    assert.equal(buffer.subarray(0, 7).toString(), 'Written');
    assert.equal(view, thing.view());
    thing.dispose();
    assert.deepEqual([copy.byteLength, view.byteLength, buffer.length], [7, 100, 100]); // until they are collected
    assert.throws(() => ffi.toString(thing), code('ERR_TALLY_DISPOSED'));
  },

  'what has nothing to do with pointers is of Node': ({ ffi, plain }) => {
    const { lib, functions } = ffi.dlopen(null, { abs: { arguments: ['int32'], return: 'int32' } });
    assert.equal(functions.abs, plain.DynamicLibrary.prototype.getFunctions.call(lib).abs);
    assert.deepEqual(Object.keys(ffi).sort(), [...Object.keys(plain), 'owned'].sort());
  },

  'a function has the name, length and pointer that Node gave it': ({ ffi, plain, counting, Thing }) => {
    const { lib } = ffi.dlopen(counting, { thing_new: { arguments: ['uint64'], return: Thing } });
    const { thing_new: declared } = lib.functions;
    assert.deepEqual(
      [declared.name, declared.length, declared.pointer],
      ['thing_new', 1, lib.getSymbol('thing_new')],
    );
    assert.equal(lib.getFunctions().thing_new, declared);
    assert.ok(lib instanceof plain.DynamicLibrary);
  },

  'pointers outlive the close of their library, and its collection': ({
    ffi,
    counting2,
    Other,
    Thing,
    tally,
  }) => {
    // Nobody else has this copy loaded: without the pin, its destructor would be gone.
    const make = (type) => {
      const { lib, functions } = ffi.dlopen(counting2, {
        thing_new: { arguments: ['uint64'], return: type },
      });
      return { lib, thing: functions.thing_new(10) };
    };
    for (const type of [Other, Thing]) {
      for (const close of ['close', Symbol.dispose]) {
        const { lib, thing } = make(type);
        lib[close]();
        if (canTell) assert.ok(isLoaded(counting2));
        thing.dispose();
        lib.close(); // again
        if (canTell) assert.ok(!isLoaded(counting2));
      }
    }
    for (const type of [Other, Thing]) {
      (() => make(type))();
      tally.collect();
      const kept = (() => make(type).thing)();
      for (let i = 0; i < 3; i++) tally.collect();
      kept.dispose();
    }
  },

  'using a library closes it': ({ ffi, counting }) => {
    const handle = ffi.dlopen(counting);
    assert.deepEqual(Object.keys(handle.functions), []);
    handle[Symbol.dispose]();
    assert.throws(() => handle.lib.getSymbol('thing_new'), code('ERR_FFI_LIBRARY_CLOSED'));
  },

  'shares its books and its pointers with the drop-in for Koffi': ({ c, counting, count, tally }) => {
    const koffi = require(path.join(lib, 'ffi/koffi'));
    const library = koffi.load(counting);
    koffi.owned('KoffiThing', 'void *', { free: 'thing_free', size: 100 });
    const [mine, theirs] = [c.thing_new(10), library.func('KoffiThing thing_new(size_t bytes)')(100)];
    assert.equal(tally.stats().bytes, 110);
    assert.ok(library.func('int thing_value(void *thing)')(mine) > 0);
    assert.ok(c.thing_value(theirs) > 0);
    for (const pointer of [mine, theirs]) pointer.dispose();
    assert.equal(count('freed'), 2);
  },

  'the end of a worker frees, whether the destructor was given by name or as a function': async ({
    count,
  }) => {
    const worker = new Worker(
      `
        const cases = require(${JSON.stringify(__filename)});
        const { ffi, c, counting } = cases.setUp();
        const { lib } = ffi.dlopen(counting);
        const free = lib.getFunction('thing_free', { arguments: ['pointer'] });
        const create = lib.getFunction('thing_new', { arguments: ['uint64'], return: 'pointer', free, size: 1 });
        globalThis.kept = [c.thing_new(10), create(10), c.child_new(c.parent_new(10), 10)];
      `,
      { eval: true },
    );
    const status = await new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve));
    assert.equal(status, 0);
    assert.deepEqual([count('made'), count('freed'), count('orphans')], [4, 4, 0]);
  },
};

async function run() {
  const context = setUp();
  const { tally, count, reset } = context;
  for (const [name, body] of Object.entries(cases)) {
    let error = null;
    try {
      reset();
      await body(context);
      tally.collect();
      const { bytes, pointers, reported, totals } = tally.stats();
      assert.deepEqual(
        { bytes, pointers, reported, failed: totals.failed },
        { bytes: 0, pointers: 0, reported: 0, failed: 0 },
      );
      const wrong = ['live', 'double_frees', 'foreign_frees', 'orphans', 'freed_underfoot'].filter(count);
      assert.deepEqual(wrong, []);
    } catch (thrown) {
      error = thrown.stack;
    }
    console.log(JSON.stringify({ name, error }));
  }
}

module.exports = { names: Object.keys(cases), setUp };
if (process.argv[2] === 'run') run();
