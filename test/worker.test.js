/** @jest-environment ./test/support/once.js */
'use strict';
// Workers, in child processes: how they end must not be how we end. The referee is shared by all threads of a process.

const { runChild } = require('./support/child.js');
const { faultless, koffi } = require('./support/things.js');
const { some, times } = require('./support/whole.js');
const { FILLED, ended, fill } = require('./support/workers.js');

const isKoffi2 = koffi.type === undefined;
// Koffi 2 itself aborts the process when a worker that is calling it is terminated.
const testKoffi3 = isKoffi2 ? test.skip : test;

// `npm test` has the others below, among many workers.
const ends = some(
  [
    ['by coming to its end', '', { result: [0, null] }],
    ['by an error', 'throw new Error("on purpose")', { result: [1, 'on purpose'] }],
    ['by a rejection', 'Promise.reject(new Error("on purpose"))', { result: [1, 'on purpose'] }],
    ['by process.exit()', 'process.exit(7)', { result: [7, null] }],
    [
      'by process.exit() from a turn of its event loop',
      'setImmediate(() => process.exit(7))',
      { result: [7, null] },
    ],
    [
      'by process.exit() in a destructor',
      'track(1n, { size: 0, free: () => process.exit(7) }).dispose()',
      { result: [7, null] },
    ],
  ],
  'by coming to its end',
  'by process.exit() in a destructor',
);

describe('everything is freed when a worker ends', () => {
  test.each(ends)('%s', async (_, end, expected) => {
    await ended(fill + end, 'const worker = start(); return [await worker.ended, worker.failure ?? null];', {
      made: FILLED,
      freed: FILLED,
      live: 0,
      ...expected,
    });
  });

  test('by terminate(), while it waits', async () => {
    await ended(
      `${fill}; parentPort.on('message', () => {}); parentPort.postMessage('full');`,
      `const worker = start(); await once(worker, 'message'); await worker.terminate();`,
      { made: FILLED, freed: FILLED, live: 0 },
    );
  });

  test('by terminate(), in a loop that computes', async () => {
    await ended(
      `${fill}; parentPort.postMessage('full'); for (;;);`,
      `const worker = start(); await once(worker, 'message'); await worker.terminate();`,
      { made: FILLED, freed: FILLED, live: 0 },
    );
  });

  testKoffi3.each([
    ['kept', 'make(100 + i % 3 * 50_000, things.FREE)'],
    ['dropped', 'track(things.make(100_000), { size: 100_000, free: things.FREE })'],
    ['disposed', 'make(100, i % 2 ? things.FREE : sized).dispose()'],
    [
      'freed by JavaScript',
      'track(things.make(100), { size: 100, free: (it) => things.free(it) }).dispose()',
    ],
  ])('by terminate(), in a loop of pointers that are %s', async (_, body) => {
    const found = await ended(
      `${fill}; for (let i = 0; ; i++) {
        if (i === 100) parentPort.postMessage('full');
        kept.length = Math.min(kept.length, 1e5);
        ${body};
      }`,
      `
      const lost = [];
      for (let i = 0; i < ${times(3, 10)}; i++) {
        const before = things.counters().live;
        const worker = start();
        await once(worker, 'message');
        for (let j = 0; j < i; j++) await new Promise(setImmediate);
        await worker.terminate();
        lost.push(things.counters().live - before);
      }
      return lost;
      `,
      {},
    );
    expect(found.made).toBeGreaterThan(times(3, 10) * FILLED);
    // Each thread may just have got a thing from C that track() was not yet told of, or that only it can free.
    for (const lost of found.result) expect(lost).toBeLessThanOrEqual(1);
  });

  test('in a chain of 100 000, children before their parents', async () => {
    await ended(
      `${fill}; for (let i = 0, link; i < 1e5; i++) link = make(16, things.FREE, link);`,
      'return start().ended',
      { result: 0, made: FILLED + 1e5, freed: FILLED + 1e5, live: 0 },
    );
  });

  test('what only JavaScript could free is not, counts as failed, and does no harm', async () => {
    const found = await ended(
      `
      ${fill}
      const native = make(10, things.FREE);
      const byJavaScript = make(10, (address) => things.free(address), native);
      make(10, things.FREE, byJavaScript);
      `,
      `
      const code = await start().ended;
      return [code, stats({ scope: 'process' }).totals.failed];
      `,
      { result: [0, 1], made: FILLED + 3, freed: FILLED + 2, live: 1, orphans: 1 },
    );
    expect(found.double_frees).toBe(0);
  });

  test('callbacks that C keeps are no memory: none counts as failed', async () => {
    await ended(
      `
      const { withOwnership } = require('./lib/ffi/koffi/with-ownership.js');
      const koffi = withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi'));
      const lib = koffi.load(require('./test/support/counting.js').counting);
      koffi.proto('int Callback(void *data, int value)');
      const options = { keeps: { forever: 1 } };
      lib.func('void callback_keep(void *thing, Callback *callback, void *data)', options)(null, () => 1, null);
      globalThis.kept = koffi.register(() => 1, 'Callback *', { owned: true });
      `,
      `
      const code = await start().ended;
      const { totals } = stats({ scope: 'process' });
      return [code, totals.tracked, totals.failed];
      `,
      { result: [0, 2, 0] },
    );
  });

  test('a pointer that was released is not', async () => {
    await ended(
      `${fill}; make(10, things.FREE).release(); make(100_000, things.FREE).release();`,
      'return start().ended',
      { made: FILLED + 2, freed: FILLED, live: 2 },
    );
  });

  test('a worker that knows the drop-in only', async () => {
    await ended(
      `
      const { withOwnership } = require('./lib/ffi/koffi/with-ownership.js');
      const koffi = withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi'));
      const lib = koffi.load(require('./test/support/counting.js').counting);
      koffi.owned('OwnedThing', 'void *', { free: 'thing_free', size: 10 });
      const make = lib.func('OwnedThing thing_new(size_t bytes)');
      globalThis.kept = [make(10), make(10)];
      `,
      'return start().ended',
      { result: 0, made: 2, freed: 2 },
    );
  });
});

test('two workers at once, and the main thread, have books of their own', async () => {
  const found = await ended(
    `
    ${fill}
    const { bytes, pointers } = stats();
    parentPort.postMessage({ bytes, pointers });
    parentPort.once('message', () => {
      for (const pointer of kept) pointer.dispose();
      parentPort.postMessage({ pointers: stats().pointers });
      parentPort.unref();
    });
    `,
    `
    const { track } = require('./lib');
    const mine = track(things.make(5), { size: 5, free: things.FREE });
    const workers = [start(), start()];
    const filled = await Promise.all(workers.map((worker) => once(worker, 'message')));
    const before = stats().pointers;
    workers[0].postMessage('dispose');
    const [emptied] = await once(workers[0], 'message');
    await workers[0].ended;
    const between = things.counters().live;
    await workers[1].terminate();
    const address = mine.address;
    mine.dispose();
    return { filled: filled.flat(), before, emptied, between };
    `,
    { made: 2 * FILLED + 1, freed: 2 * FILLED + 1, live: 0 },
  );
  const each = { bytes: 50 * 100_310 + 100, pointers: FILLED };
  expect(found.result).toEqual({
    filled: [each, each],
    before: 1,
    emptied: { pointers: 0 },
    between: FILLED + 1,
  });
});

const FEW = times(4, 20);

test(`${FEW} workers, four at a time`, async () => {
  await ended(
    fill +
      'if (workerData % 2) process.exit(workerData); if (workerData % 3 === 0) throw new Error("on purpose");',
    `
    for (let i = 0; i < ${FEW}; i += 4) {
      await Promise.all([0, 1, 2, 3].map((j) => start(i + j).ended));
    }
    `,
    { made: FEW * FILLED, freed: FEW * FILLED, live: 0 },
  );
});

// In each way of ending so often: where each frees nothing, the process grows by more than is allowed.
const MANY = 9 * times(2, 11);

test('many workers that end in every way leave nothing, and the process does not grow', async () => {
  const ends = [
    '',
    'throw new Error("on purpose");',
    'process.exit(7);',
    'setImmediate(() => process.exit(7));',
    'track(1n, { size: 0, free: () => process.exit(7) }).dispose();',
    'setInterval(() => {}, 1000); parentPort.postMessage("ready");', // and those from here on are terminated
    'parentPort.postMessage("ready"); for (;;);',
    // Tracks without end, but asks C for nothing: what C has made the moment before, nobody could know of.
    'parentPort.postMessage("ready"); for (;;) kept[0] = track(1n, { size: 5000, free: null });',
    'parentPort.postMessage("ready"); for (let i = 0; ; i++) kept[2 + (i % 50) * 4].resize(1000 + (i % 100));',
  ];
  const found = await ended(
    `${fill} make(10_000_000, things.FREE); ${ends.map((end, i) => `if (workerData % ${ends.length} === ${i}) { ${end} }`).join(' ')}`,
    `return require('./test/programs/workers/in-turns.js')(start, ${MANY})`,
    { made: MANY * (FILLED + 1), freed: MANY * (FILLED + 1), live: 0 },
    // AddressSanitizer keeps much of what was freed otherwise.
    { env: { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=8` } },
  );
  expect(found.result.settled).toBe(MANY);
  // Nothing freed would be 15 MB for each but the first nine.
  expect(found.result.grown).toBeLessThan(100e6);
});

test('a worker that is terminated while the arguments of a destructor are read does not end the process', async () => {
  const found = await ended(
    `
    const { parentPort } = require('node:worker_threads');
    const { POINTER, SIZE, handOver, takeOver, track } = require('./lib');
    const things = require('./test/support/things.js');
    const { canBind } = require('./lib/binding');
    const args = [POINTER, SIZE, ...Array(30).fill(1n)];
    const free = canBind ? { address: things.FREE_SIZED, args } : things.FREE;
    let pointer = track(things.make(100), { size: 100, free });
    parentPort.postMessage('begun');
    for (;;) {
      pointer = takeOver(handOver(pointer));
    }
    `,
    `
    for (let i = 0; i < ${times(3, 5)}; i++) {
      const worker = start();
      await once(worker, 'message');
      await worker.terminate();
    }
    return 'here';
    `,
    {},
  );
  expect(found.result).toBe('here');
});

test('a worker that has the library and no pointer', async () => {
  await ended(`require('./lib')`, 'return start().ended', { result: 0, made: 0 });
});

test('the process ends while a worker has pointers', async () => {
  const child = await runChild(
    `
    const { Worker } = require('node:worker_threads');
    const worker = new Worker(${JSON.stringify(`${fill}; parentPort.postMessage('full'); setInterval(() => {}, 1e6)`)}, { eval: true });
    worker.on('message', () => process.exit(5));
    `,
  );
  expect(child).toEqual({ code: 5, signal: null, stdout: '', stderr: '' });
});

test('many that look for the garbage collection at once find it', async () => {
  const child = await runChild(`
    const { Worker } = require('node:worker_threads');
    const workerData = { workers: 4, rounds: ${times(10, 50)}, shared: new Int32Array(new SharedArrayBuffer(8)) };
    const code = \`
      const { workers, rounds, shared } = require('node:worker_threads').workerData;
      const file = require.resolve('./lib/reclaim/gc.js');
      for (let round = 1; round <= rounds; round++) {
        delete require.cache[file];
        const { canCollect } = require(file);
        Atomics.add(shared, 0, 1);
        while (Atomics.load(shared, 0) < round * workers);
        if (canCollect() !== true) Atomics.add(shared, 1, 1);
      }
    \`;
    for (let i = 0; i < workerData.workers; i++) new Worker(code, { eval: true, workerData });
    process.on('exit', () => console.log(...workerData.shared));
  `);
  expect(child).toEqual({ code: 0, signal: null, stdout: `${4 * times(10, 50)} 0\n`, stderr: '' });
});

describe('twice in one process', () => {
  const expected = {
    same: false,
    counts: [130_201, 130_201],
    refused: 'ERR_TALLY_UNBALANCED',
    after: [
      [100_201, 4],
      [100_201, 4],
    ],
    end: [
      [0, 0],
      [0, 0],
    ],
    made: 608,
    freed: 608,
    live: 0,
    ...faultless,
  };

  test.each([
    ['JavaScript and addon', []],
    ['JavaScript alone, as Jest does', ['same-addon']],
  ])('%s', async (_, args) => {
    const child = await runChild('test/programs/workers/twice.js', { args });
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(JSON.parse(child.stdout)).toMatchObject(expected);
  });
});

testKoffi3(
  'a worker that is terminated while it frees what could not be tracked does not call C without arguments',
  async () => {
    const found = await ended(
      `
    const { parentPort } = require('node:worker_threads');
    const { POINTER, SIZE, track } = require('./lib');
    const things = require('./test/support/things.js');
    const { canBind } = require('./lib/binding');
    const args = [POINTER, SIZE, ...Array(30).fill(1n)];
    const free = canBind ? { address: things.FREE_SIZED, args } : things.FREE;
    parentPort.postMessage('begun');
    for (;;) {
      try { track(things.make(100), { size: 100, free, unknown: true }); } catch {}
    }
    `,
      `
    const lane = async () => {
      for (let i = 0; i < ${times(6, 60)}; i++) {
        const worker = start();
        await once(worker, 'message');
        await new Promise((resolve) => setTimeout(resolve, i % 6));
        await worker.terminate();
      }
    };
    await Promise.all([lane(), lane()]);
    return 'here';
    `,
      {},
    );
    expect(found.result).toBe('here');
  },
);
