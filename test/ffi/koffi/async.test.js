'use strict';

const { promisify } = require('node:util');
const { TrackedPointer, collect, stats } = require('../../../lib');
const { errorOf, expectBalance, expectRefusal } = require('../../support/balance.js');
const { runChild } = require('../../support/child.js');
const inChildren = require('../../support/in-children.js');
const { gcUntil } = require('../../support/gc-until.js');
const {
  counting,
  declareThings,
  isKoffi2,
  koffi,
  koffiName,
  ownedThing,
  things,
  unique,
} = require('./setup.js');
const { counters } = things;

const library = koffi.load(counting);

beforeEach(things.reset);
afterEach(expectBalance);

/** declareThings(), with a function that C takes its time for. Its result is the number of the thing's pages. */
function declareSlow(options) {
  const declared = declareThings(options);
  return { ...declared, sum: library.func(`int thing_sum_slow(${declared.T} *thing, int ms)`) };
}

const SLOW = 50;
const BYTES = 3 * 4096;
const PAGES = 3;

describe('borrowed', () => {
  test('by a call on another thread, and back afterwards', async () => {
    const { make, sum } = declareSlow();
    const thing = make(BYTES);
    expect(await promisify(sum.async)(thing, 1)).toBe(PAGES);
    expect(thing.disposed).toBe(false);
    thing.dispose();
    expect(counters()).toMatchObject({ freed: 1 });
  });

  test('the callback gets (null, result), once, and not before .async() has returned', async () => {
    const { make, sum } = declareSlow();
    const thing = make(BYTES);
    let returned = false;
    const [args, late] = await new Promise((resolve) => {
      const result = sum.async(thing, 1, (...given) => resolve([given, returned]));
      expect(result).toBe(undefined);
      returned = true;
    });
    expect(args).toEqual([null, PAGES]);
    expect(late).toBe(true);
    thing.dispose();
  });

  test('what nobody else has is garbage when the callback is called, though the FFI still has the callback', async () => {
    const { make, sum } = declareSlow();
    const call = (callback) => sum.async(make(BYTES), 1, callback);
    const freed = await new Promise((resolve) => {
      call(() => {
        collect();
        resolve(counters().freed);
      });
    });
    expect(freed).toBe(1);
  });

  test('dispose() during the call: ended at once, freed at its end', async () => {
    const { make, sum } = declareSlow();
    const thing = make(BYTES);
    const result = promisify(sum.async)(thing, SLOW);
    thing.dispose();
    expect(thing.disposed).toBe(true);
    expect(counters().live).toBe(1);
    expect(() => sum(thing, 1)).toThrow(ReferenceError);
    expect(await result).toBe(PAGES);
    expect(counters()).toMatchObject({ live: 0, freed: 1, freed_underfoot: 0 });
  });

  test('dropped and collected during the call: freed only after it', async () => {
    const { make, sum } = declareSlow();
    const result = (() => promisify(sum.async)(make(BYTES), SLOW))();
    collect();
    expect(counters().live).toBe(1);
    expect(await result).toBe(PAGES);
    await gcUntil('it is freed', () => (collect(), counters().live === 0));
    expect(counters()).toMatchObject({ freed: 1, freed_underfoot: 0 });
  });

  test('by several calls at once: freed at the end of the last', async () => {
    const { make, sum } = declareSlow();
    const thing = make(BYTES);
    const results = [1, SLOW, SLOW, 1].map((ms) => promisify(sum.async)(thing, ms));
    thing.dispose();
    expect(await Promise.all(results)).toEqual([PAGES, PAGES, PAGES, PAGES]);
    expect(counters()).toMatchObject({ live: 0, freed: 1, freed_underfoot: 0 });
  });

  test('cannot be given away meanwhile', async () => {
    const { make, sum, Owned } = declareSlow();
    const take = library.func(`void child_free(${Owned} thing)`);
    const thing = make(BYTES);
    const result = promisify(sum.async)(thing, SLOW);
    expectRefusal(() => thing.release(), Error, 'ERR_TALLY_IN_USE');
    expectRefusal(() => take(thing), Error, 'ERR_TALLY_IN_USE');
    expect(await result).toBe(PAGES);
    take(thing);
    expect(counters()).toMatchObject({ freed: 1, freed_underfoot: 0 });
  });

  test('the declared destructor by hand: a deferred dispose', async () => {
    const { make, sum, T } = declareSlow();
    const free = library.func(`void thing_free(${T} *thing)`);
    const thing = make(BYTES);
    const result = promisify(sum.async)(thing, SLOW);
    free(thing);
    expect(thing.disposed).toBe(true);
    expect(await result).toBe(PAGES);
    expect(counters()).toMatchObject({ freed: 1, freed_underfoot: 0, double_frees: 0 });
  });

  test('disposed in the callback', async () => {
    const { make, sum } = declareSlow();
    const thing = make(BYTES);
    await new Promise((resolve) => sum.async(thing, 1, () => resolve(thing.dispose())));
    expect(counters()).toMatchObject({ live: 0, freed: 1 });
  });

  test('a thousand calls', async () => {
    const { make, sum } = declareSlow();
    for (let round = 0; round < 10; round++) {
      const results = Array.from({ length: 100 }, () => promisify(sum.async)(make(4096), 0));
      expect(new Set(await Promise.all(results))).toEqual(new Set([1]));
    }
    await gcUntil('all are freed', () => (collect(), counters().live === 0));
    expect(counters()).toMatchObject({ made: 1000, freed: 1000, freed_underfoot: 0 });
  });
});

describe('refused before anything is started', () => {
  test('after the end', () => {
    const { make, sum } = declareSlow();
    const thing = make(10);
    thing.dispose();
    expectRefusal(() => sum.async(thing, 1, () => {}), ReferenceError, 'ERR_TALLY_DISPOSED');
  });

  test('another type', () => {
    const { sum } = declareSlow();
    const other = declareThings();
    const thing = other.make(10);
    expectRefusal(() => sum.async(thing, 1, () => {}), TypeError, 'ERR_TALLY_TYPE_MISMATCH');
    thing.dispose();
  });

  test('what Koffi refuses goes to the callback, as Koffi does it; the pointer is not held for ever', async () => {
    const { make, sum } = declareSlow();
    const thing = make(10);
    const { message } = errorOf(() => sum(thing, 'no number'));
    await expect(promisify(sum.async)(thing, 'no number')).rejects.toMatchObject({ message });
    thing.dispose();
    expect(counters()).toMatchObject({ live: 0, freed: 1 });
  });

  // Koffi 2 calls it in a turn of its own, where nobody could catch that.
  (isKoffi2 ? test.skip : test)(
    'a callback that throws what it is told of, as with Koffi, or something else',
    () => {
      const { make, sum, Owned } = declareSlow();
      const take = library.func(`int thing_sum_slow(${Owned} thing, int ms)`);
      for (const call of [sum, take]) {
        const thing = make(10);
        const { message } = errorOf(() => sum(thing, 'no number'));
        const rethrow = (error) => {
          if (error) throw error;
        };
        const mine = new Error('mine');
        const own = () => {
          throw mine;
        };
        expect(errorOf(() => call.async(thing, 'no number', rethrow))).toMatchObject({ message });
        expect(errorOf(() => call.async(thing, 'no number', own))).toBe(mine);
        expect(thing.disposed).toBe(false);
        thing.dispose();
      }
      expect(counters()).toMatchObject({ live: 0, freed: 2, freed_underfoot: 0 });
    },
  );

  test('no callback, or too many arguments', () => {
    const { make, sum } = declareSlow();
    const plain = things.library.func('int thing_sum_slow(void *thing, int ms)');
    const thing = make(10);
    for (const args of [[], [thing], [thing, 1]]) {
      const raw = args.map((value) => (value === thing ? thing.address : value));
      const expected = errorOf(() => plain.async(...raw));
      const error = errorOf(() => sum.async(...args));
      expect(error.message).toBe(expected.message);
      expect(error.constructor.name).toBe(expected.constructor.name);
    }
    expect(() => sum.async(thing, 1, 2, () => {})).toThrow();
    thing.dispose();
  });
});

describe('owned', () => {
  test('results arrive tracked', async () => {
    const { make, Owned } = declareThings();
    const thing = await promisify(make.async)(100);
    expect(thing).toBeInstanceOf(TrackedPointer);
    expect(thing).toMatchObject({ size: 100, label: Owned });
    thing.dispose();
  });

  test('NULL arrives as null', async () => {
    const { make } = declareThings();
    expect(await promisify(make.async)(0)).toBe(null);
  });

  test('results that cannot be measured: freed, and the error goes to the callback', async () => {
    const { make } = declareThings({ size: () => NaN });
    await expect(promisify(make.async)(100)).rejects.toMatchObject({ code: 'ERR_TALLY_SIZE' });
    expect(counters()).toMatchObject({ made: 1, freed: 1 });
  });

  test('results that nobody keeps are collected', async () => {
    const { make } = declareThings();
    await (async () => {
      await Promise.all(Array.from({ length: 100 }, () => promisify(make.async)(1000)));
    })();
    await gcUntil('all are freed', () => (collect(), counters().live === 0));
    expect(counters()).toMatchObject({ made: 100, freed: 100 });
  });

  test('a parent is kept during the call that makes its child, and after it', async () => {
    const { make, T } = declareThings({ free: 'parent_free' });
    const child = ownedThing({ free: 'child_free', parent: 0 });
    const childNew = library.func(`${child.Owned} child_new(${T} *parent, size_t bytes)`);
    const mother = make(100);
    const promise = promisify(childNew.async)(mother, 10);
    const kid = await promise;
    mother.dispose();
    expect(counters().live).toBe(2);
    kid.dispose();
    expect(counters()).toMatchObject({ freed: 2, orphans: 0 });
  });

  test('a parent that is disposed during the call: it waits for its child', async () => {
    const { make, T } = declareThings({ free: 'parent_free' });
    const child = ownedThing({ free: 'child_free', parent: 0 });
    const childNew = library.func(`${child.Owned} child_new(${T} *parent, size_t bytes)`);
    const mother = make(100);
    const promise = promisify(childNew.async)(mother, 10);
    mother.dispose();
    // Either the child comes, and its parent waits for it; or it is refused, and freed before its parent.
    const kid = await promise.catch(() => null);
    kid?.dispose();
    expect(counters()).toMatchObject({ live: 0, freed: 2, orphans: 0, freed_underfoot: 0 });
  });

  test('out parameters', async () => {
    const { Owned } = ownedThing();
    const make = library.func(`int thing_make(_Out_ ${Owned} *out, size_t bytes)`);
    const out = [null];
    expect(await promisify(make.async)(out, 100)).toBe(0);
    expect(out[0]).toMatchObject({ size: 100, label: Owned });
    out[0].dispose();

    const emptied = [null];
    const promise = promisify(make.async)(emptied, 100);
    emptied.pop();
    await promise;
    emptied[0].dispose();
  });

  test('arguments that C takes: ended at once, their charge returned', async () => {
    const { make, Owned } = declareThings();
    const take = library.func(`void thing_free(${Owned} thing)`);
    const thing = make(100);
    const promise = promisify(take.async)(thing);
    expect(thing.disposed).toBe(true);
    await promise;
    expect(stats()).toMatchObject({ bytes: 0, pointers: 0 });
    collect();
    expect(counters()).toMatchObject({ freed: 1, double_frees: 0 });
  });

  test('arguments that C takes, when Koffi refuses another: nothing is lost', async () => {
    const { make, Owned } = declareThings();
    const take = library.func(`void thing_free_ctx(int64_t context, ${Owned} thing)`);
    const thing = make(100);
    await expect(promisify(take.async)('no number', thing)).rejects.toThrow(/Unexpected String value/);
    expect(thing.disposed).toBe(false);
    thing.dispose();
    expect(counters()).toMatchObject({ freed: 1, double_frees: 0 });
  });

  test('the same, while other callbacks run: nothing is lost', async () => {
    const { make, Owned, T } = declareThings();
    const take = library.func(`void thing_free_ctx(int64_t context, ${Owned} thing)`);
    const Callback = unique('Callback');
    koffi.proto(`int ${Callback}(${T} *thing, int value)`);
    const call = library.func(`int thing_call(${T} *thing, ${Callback} *callback, int value)`);
    const [thing, other] = [make(100), make(100)];
    const refused = promisify(take.async)('no number', thing);
    call(other, (_, value) => value, 1);
    await expect(refused).rejects.toThrow(/Unexpected String value/);
    expect(thing.disposed).toBe(false);
    thing.dispose();
    other.dispose();
  });
});

inChildren.test('what the callback throws is its own affair', async () => {
  const code = `
    const { declareThings, koffi, counting, things } = require('./test/ffi/koffi/setup.js');
    const { collect, stats } = require('./lib');
    const { T, make } = declareThings();
    const sum = koffi.load(counting).func(\`int thing_sum_slow(\${T} *thing, int ms)\`);
    let calls = 0;
    process.on('uncaughtException', (error) => console.log('uncaught', error.message));
    process.on('exit', () => { collect(); console.log(calls, stats().pointers, things.counters().live); });
    const thing = make(4096);
    sum.async(thing, 1, () => { calls++; thing.dispose(); throw new Error('on purpose'); });
  `;
  const child = await runChild(code, { env: { FFI_TALLY_TEST_KOFFI: koffiName } });
  expect(child).toMatchObject({ code: 0, signal: null, stdout: 'uncaught on purpose\n1 0 0\n' });
});

describe('buffers are kept until the callback', () => {
  // Freed buffers are overwritten by the next ones: had C read one, the sum would be wrong.
  const LENGTH = 1 << 20;

  function churn() {
    collect();
    const held = [];
    for (let i = 0; i < 64; i++) held.push(new Uint8Array(LENGTH).fill(2));
    collect();
    return held;
  }

  const ways = [
    ['a Uint8Array', () => new Uint8Array(LENGTH).fill(1), 'const uint8_t *bytes'],
    ['a Buffer', () => Buffer.alloc(LENGTH, 1), 'const uint8_t *bytes'],
    ['an ArrayBuffer', () => new Uint8Array(LENGTH).fill(1).buffer, 'void *bytes'],
    ['a part of another', () => new Uint8Array(2 * LENGTH).fill(1).subarray(LENGTH), 'const void *bytes'],
  ];

  test.each(ways)('%s', async (_, make, parameter) => {
    // With and without an owned type in sight: the second is a function of Koffi itself.
    const sum = library.func(`int64_t bytes_sum_slow(${parameter}, size_t length, int ms)`);
    let gone = 0;
    const registry = new FinalizationRegistry(() => gone++);
    // A callback that knows nothing of the buffer: promisify() would keep all arguments by itself.
    let settle;
    const result = new Promise((resolve) => (settle = (error, value) => resolve(error ?? value)));
    (() => {
      const bytes = make();
      registry.register(bytes);
      sum.async(bytes, LENGTH, 4 * SLOW, settle);
    })();
    const held = churn();
    await new Promise((resolve) => setImmediate(resolve));
    expect(gone).toBe(0);
    expect(Number(await result)).toBe(LENGTH);
    expect(held).toHaveLength(64);
    await gcUntil('the buffer is let go', () => gone === 1);
  });
});

inChildren.test('a worker that ends with calls in flight', async () => {
  // Koffi 2 itself aborts the process when a worker is stopped while its calls are in flight.
  const ways = isKoffi2 ? ['ends', 'disposed'] : ['ends', 'disposed', 'terminated', 'throws', 'exits'];
  const work = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { declareThings, koffi, counting } = require('./test/ffi/koffi/setup.js');
    const { T, make } = declareThings();
    const sum = koffi.load(counting).func(\`int thing_sum_slow(\${T} *thing, int ms)\`);
    const kept = Array.from({ length: 8 }, () => make(4096));
    for (const thing of kept) sum.async(thing, 100, () => {});
    if (workerData === 'disposed') kept.forEach((thing) => thing.dispose());
    if (workerData === 'throws') setImmediate(() => { throw new Error('on purpose'); });
    else if (workerData === 'exits') setImmediate(() => process.exit(0));
    else parentPort.postMessage('started');
  `;
  const code = `
    const { Worker } = require('node:worker_threads');
    const { counters } = require('./test/support/counting.js');
    (async () => {
      for (const way of ${JSON.stringify(ways)}) {
        const worker = new Worker(${JSON.stringify(work)}, { eval: true, workerData: way });
        worker.on('error', () => {});
        const exit = new Promise((resolve) => worker.on('exit', resolve));
        if (way === 'terminated') worker.once('message', () => worker.terminate());
        await exit;
        const { live, made, freed, double_frees, freed_underfoot } = counters();
        console.log(way, live, made - freed, double_frees, freed_underfoot);
      }
    })();
  `;
  const child = await runChild(code, { env: { FFI_TALLY_TEST_KOFFI: koffiName } });
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  expect(child.stdout.trim().split('\n')).toEqual(ways.map((way) => `${way} 0 0 0 0`));
});
