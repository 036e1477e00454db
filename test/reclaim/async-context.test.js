'use strict';
// A destructor in JavaScript runs where something else has triggered it, in another request say. It finds the stores of
// AsyncLocalStorage that were there when its pointer was made.

const { AsyncLocalStorage, createHook } = require('node:async_hooks');
const { setImmediate: nextTurn } = require('node:timers/promises');
const { collect, stats, track } = require('../../lib');
const { Unusual, unusual } = require('../../lib/books/unusual');
const nurseryTurn = require('../../lib/reclaim/nursery-turn');
const { expectBalance } = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const { gcUntil } = require('../support/gc-until.js');
const things = require('../support/things.js');

const { koffi } = require('../ffi/koffi/setup.js');

const isNative = stats().backend === 'native';
const testNative = isNative ? test : test.skip;

const request = new AsyncLocalStorage();
let stores; // in which destructors have run

beforeEach(() => {
  things.reset();
  stores = [];
});
afterEach(expectBalance);

const free = (address) => {
  stores.push(request.getStore());
  things.free(address);
};
const make = (options) => track(things.make(10), { size: 10, free, label: 'thing', ...options });
const makeIn = (store, options) => request.run(store, make, options);

describe('the store is that of who made the pointer', () => {
  testNative('by dispose() elsewhere, and outside of any', () => {
    for (const store of [1, 2]) {
      const pointer = makeIn(store);
      request.run('other', () => {
        pointer.dispose();
        expect(request.getStore()).toBe('other');
      });
    }
    makeIn(3).dispose();
    expect(request.getStore()).toBe(undefined);
    const outside = make();
    request.run('other', () => outside.dispose());
    expect(stores).toEqual([1, 2, 3, undefined]);
  });

  testNative('also where the stack was full when the next turn was to be scheduled', () => {
    unusual.note(Unusual.UNARMED, true);
    jest.spyOn(nurseryTurn, 'arm').mockImplementationOnce(() => {
      throw new RangeError('Maximum call stack size exceeded');
    });
    expect(() => makeIn('here')).toThrow('call stack');
    request.run('other', collect);
    expect(stores).toEqual(['here']);
  });

  testNative('by collect(), and by whoever tracks the next', () => {
    for (const store of ['a', 'b', 'c']) makeIn(store);
    request.run('other', collect);
    expect(stores.sort()).toEqual(['a', 'b', 'c']);
    stores = [];
    for (const store of ['a', 'b', 'c']) makeIn(store, { size: 2 ** 26 });
    request.run('other', () => {
      for (let i = 0; i < 20; i++) make({ size: 2 ** 26, free: things.FREE });
    });
    collect();
    expect(stores.sort()).toEqual(['a', 'b', 'c']);
  });

  testNative('on the event loop', async () => {
    for (const store of ['a', 'b']) makeIn(store);
    await request.run('other', () => gcUntil('both are freed', () => stores.length === 2));
    expect(stores.sort()).toEqual(['a', 'b']);
  });

  testNative('of a parent, by the last of its children', () => {
    const parent = makeIn('mother');
    const child = makeIn('child', { parent });
    parent.dispose();
    request.run('other', () => child.dispose());
    expect(stores).toEqual(['child', 'mother']);
  });

  testNative('in destructors inside of each other', () => {
    const inner = makeIn('inner');
    const outer = request.run('outer', () =>
      make({
        free(address) {
          inner.dispose();
          makeIn('made there').dispose();
          free(address);
        },
      }),
    );
    outer.dispose();
    expect(stores.sort()).toEqual(['inner', 'made there', 'outer']);
  });

  testNative('after an await, and with several storages', async () => {
    const user = new AsyncLocalStorage();
    const users = [];
    const pointer = await request.run('r', () =>
      user.run('u', async () => {
        await nextTurn();
        return make({
          free(address) {
            users.push(user.getStore());
            free(address);
          },
        });
      }),
    );
    user.run('other', () => pointer.dispose());
    expect([stores, users]).toEqual([['r'], ['u']]);
  });

  testNative('of an owned type whose destructor is JavaScript', () => {
    const name = `Stored_${process.hrtime.bigint()}`;
    koffi.owned(name, 'void *', { free, size: 10 });
    const create = koffi
      .load(require('../support/counting.js').counting)
      .func(`${name} thing_new(size_t bytes)`);
    const thing = request.run('owned', create, 10);
    request.run('other', () => thing.dispose());
    expect(stores).toEqual(['owned']);
  });
});

test('what it throws is caught as ever, and the store of who has triggered it stays', async () => {
  const warned = jest.spyOn(process, 'emitWarning').mockReturnValue();
  const pointer = makeIn('maker', {
    free(address) {
      things.free(address);
      throw new Error('on purpose');
    },
  });
  request.run('other', () => {
    pointer.dispose();
    expect(request.getStore()).toBe('other');
  });
  await nextTurn();
  expect(warned).toHaveBeenCalledTimes(1);
  warned.mockRestore();
});

test('what is released, or could not be tracked, leaves nothing behind', () => {
  things.free(makeIn('a').release());
  expect(() => makeIn('b', { size: -1 })).toThrow(RangeError);
  expect(stores).toEqual(['b']); // at once, and by its maker
});

test('a hook that tracks and disposes of pointers itself does no harm', () => {
  let depth = 0;
  const hook = createHook({
    init() {
      if (depth++ === 0) make().dispose();
      depth--;
    },
  }).enable();
  try {
    for (let i = 0; i < 300; i++) make({ size: i }).dispose();
    (() => {
      for (let i = 0; i < 300; i++) make({ size: i });
    })();
    collect();
  } finally {
    hook.disable();
  }
  expect(things.counters()).toMatchObject({ live: 0, ...things.faultless });
});

testNative('a worker that ends with such pointers, and one that is terminated', async () => {
  const child = await runChild(`
    const { Worker } = require('node:worker_threads');
    const code = \`
      const { AsyncLocalStorage } = require('node:async_hooks');
      const { parentPort, workerData } = require('node:worker_threads');
      const { track } = require('./lib');
      const request = new AsyncLocalStorage();
      const kept = [];
      request.run('store', () => { for (let i = 1; i <= 2000; i++) kept.push(track(BigInt(i), { size: 1, free() {} })); });
      kept.length = 1000;
      parentPort.postMessage('made');
      while (workerData) track(1n, { size: 1, free() {} }).dispose();
    \`;
    (async () => {
      for (const forever of [false, true, true, true]) {
        const worker = new Worker(code, { eval: true, workerData: forever });
        const ended = new Promise((resolve) => worker.on('exit', resolve));
        await new Promise((resolve) => worker.on('message', resolve));
        if (forever) await worker.terminate();
        await ended;
      }
    })();
  `);
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
});
