/** @jest-environment ./test/support/once.js */
'use strict';
// JavaScript that is cut off: node:vm stops what takes too long without letting anybody clean up. What was on the stack
// must not be taken for being there for ever.

const { Gate, isOutermost } = require('../../lib/support/stack.js');
const { runChild } = require('./child.js');
const { some, times } = require('./whole.js');

describe('isOutermost()', () => {
  const ask = (start) =>
    new Promise((resolve) => {
      start(function callback() {
        resolve(isOutermost(callback));
      });
    });
  const within = (callback) => setImmediate(() => new Gate().run(callback)); // a frame of ours

  test('says yes to what the event loop calls', async () => {
    expect(await ask(setImmediate)).toBe(true);
    const { setImmediate: real } = require('node:timers');
    expect(await ask(real)).toBe(true);
  });

  test('says yes to what a wrapper of the program calls for the event loop', async () => {
    expect(await ask((callback) => setImmediate(() => callback()))).toBe(true);
    expect(await ask((callback) => setImmediate(() => [1].forEach(callback)))).toBe(true);
  });

  test('says no to what this library has called, directly or not', async () => {
    expect(await ask(within)).toBe(false);
    expect(await ask((callback) => within(() => [1].forEach(callback)))).toBe(false);
    const deep = (callback, depth) => (depth === 0 ? callback() : deep(callback, depth - 1));
    expect(await ask((callback) => within(() => deep(callback, 1000)))).toBe(false);
  });

  test('whatever a program does to Error', async () => {
    const { captureStackTrace, stackTraceLimit, prepareStackTrace } = Error;
    const wrapped = (callback) => setImmediate(() => callback());
    const expectRight = async (what) => {
      expect([what, await ask(setImmediate), await ask(wrapped), await ask(within)]).toEqual([
        what,
        true,
        true,
        false,
      ]);
    };
    try {
      for (const limit of [0, 1, undefined]) {
        Error.stackTraceLimit = limit;
        await expectRight(`limit ${limit}`);
      }
      Error.stackTraceLimit = stackTraceLimit;
      Error.prepareStackTrace = (error, sites) => sites;
      await expectRight('sites');
      Error.prepareStackTrace = () => 'nothing';
      await expectRight('nothing');
      Error.captureStackTrace = () => {};
      await expectRight('no capture');
    } finally {
      Object.assign(Error, { captureStackTrace, stackTraceLimit, prepareStackTrace });
    }
  });
});

/** Runs `code` with what programs/support/cut.js has, and `before` first. Prints what `then` returns. */
async function cut(code, then, before = '') {
  const child = await runChild(`
    ${before}
    const { call, collect, create, finish, forever, koffi, make, run, stats, things, track } =
      require('./test/programs/support/cut.js');
    ${code}
    finish(() => { ${then} });
  `);
  expect(child).toMatchObject({ code: 0, signal: null });
  expect(child.stderr).not.toMatch(/Error:(?! was cut)/);
  return JSON.parse(child.stdout);
}

const clean = {
  ...{ bytes: 0, pointers: 0, reported: 0, live: 0 },
  ...{ double_frees: 0, orphans: 0, freed_underfoot: 0 },
};

describe('after a timeout', () => {
  test('in a callback from C: what is disposed is freed, in the next turn', async () => {
    const found = await cut(
      `
      const lent = create(10);
      run(() => call(lent, forever, 1));
      const others = [make(), make(things.FREE, 2 ** 20), make((address) => things.free(address))];
      lent.dispose();
      for (const other of others) other.dispose();
      if (things.counters().freed !== 3) throw new Error('the lent one was freed, or the others were not');
      `,
      `const { freed } = things.counters(); make().dispose(); return [freed, things.counters().freed];`,
    );
    expect(found).toMatchObject({ ...clean, result: [4, 5], failed: 0 });
  });

  const wrap = `
    const timers = require('node:timers');
    const { setImmediate: own } = timers;
    const wrapped = (callback, ...args) => own(function wrapper() { [0].forEach(() => callback(...args)); });`;
  const programs = [
    ['a stackTraceLimit of 0', 'Error.stackTraceLimit = 0;', ''],
    ['a stackTraceLimit of 1', 'Error.stackTraceLimit = 1;', ''],
    ['a prepareStackTrace of its own', `Error.prepareStackTrace = (error, sites) => sites;`, ''],
    ['a prepareStackTrace that says nothing', `Error.prepareStackTrace = () => '';`, ''],
    ['a captureStackTrace that does nothing', 'Error.captureStackTrace = () => {};', ''],
    ['a wrapped setImmediate', '', `${wrap} timers.setImmediate = globalThis.setImmediate = wrapped;`],
  ];

  test.each(some(programs, 'a stackTraceLimit of 0', 'a wrapped setImmediate'))(
    'in a callback from C, in a program with %s: all is freed again',
    async (_, code, before) => {
      const found = await cut(
        `
      ${code}
      const lent = create(10);
      run(() => call(lent, forever, 1));
      lent.dispose();
      make((address) => things.free(address)).dispose();
      `,
        `for (let i = 0; i < 100; i++) make(things.FREE, 2 ** 16).dispose(); return things.counters().live;`,
        before,
      );
      expect(found).toMatchObject({ ...clean, result: 0, freed: 102 });
    },
  );

  test('in a callback from C: what is dropped is collected', async () => {
    const found = await cut(
      `
      (() => { for (let i = 0; i < 50; i++) make(things.FREE, 100_000); })();
      const lent = create(10);
      run(() => call(lent, forever, 1));
      collect();
      lent.dispose();
      `,
      `(() => { make(); })(); collect();`,
    );
    expect(found).toMatchObject({ ...clean, made: 52, failed: 0 });
  });

  test.each([
    ['collect()', 'collect();'],
    [
      'handOver()',
      `try { handOver(kept); } catch ({ code }) { if (code !== 'ERR_TALLY_IN_USE') throw code; }`,
    ],
  ])('in a callback from C, of which only %s learns: the next one does what it is for', async (_, how) => {
    const found = await cut(
      `
      const { handOver, takeOver } = require('./lib');
      const kept = make();
      (() => { const lent = create(10); run(() => call(lent, forever, 1)); })();
      ${how}
      `,
      `takeOver(handOver(kept)).dispose(); collect(); return stats().totals.collected;`,
    );
    expect(found).toMatchObject({ ...clean, result: 1, freed: 2 });
  });

  const load = (whenAsked) => `
    const Module = require('node:module');
    const { _load } = Module;
    Module._load = function (request, ...rest) { ${whenAsked} return _load.call(this, request, ...rest); };`;

  test('in what is loaded by a first call: it is loaded again', async () => {
    const found = await cut(
      `${load(`if (request.endsWith('account-rows')) forever();`)} run(() => stats()); make().dispose();`,
      `return stats().totals.disposed;`,
      `delete process.env.JEST_WORKER_ID; // where it is, all is loaded at once`,
    );
    expect(found).toMatchObject({ ...clean, result: 1 });
  });

  test('nothing of Node, which stays as it was cut off, is loaded by the first pointer and collection', async () => {
    const found = await cut(
      `${load(`throw new Error(request + ' is loaded');`)} (() => { make(); })(); collect();`,
      `Module._load = _load;`,
    );
    expect(found).toMatchObject({ ...clean, freed: 1 });
  });

  test('in callbacks from C inside of each other', async () => {
    const found = await cut(
      `
      const lent = create(10);
      const nested = (depth) => call(lent, depth === 0 ? forever : () => nested(depth - 1), 1);
      run(() => nested(5));
      lent.dispose();
      `,
      '',
    );
    expect(found).toMatchObject({ ...clean, freed: 1 });
  });

  test.each([
    ['dispose()', 'run(() => { stuck().dispose(); })'],
    [
      'dispose() in a store of AsyncLocalStorage',
      `const storage = new (require('node:async_hooks').AsyncLocalStorage)();
       run(() => { storage.run('a', stuck).dispose(); })`,
    ],
    ['collect()', '(() => stuck())(); run(() => { collect(); })'],
  ])('in a destructor in JavaScript, by %s: it counts as failed, the others are freed', async (_, how) => {
    const found = await cut(
      `
      const byC = make();
      const stuck = () => track(4096n, { size: 7, free: forever, label: 'stuck' });
      ${how};
      byC.dispose();
      make().dispose();
      `,
      'make().dispose(); return stats().accounts.find(({ label }) => label === "stuck").failed',
    );
    expect(found).toMatchObject({ ...clean, result: 1, failed: 1, freed: 3 });
  });

  test('in a callback of a destructor in C', async () => {
    const found = await cut(
      `
      const stuck = koffi.register(forever, koffi.pointer(koffi.proto('void Stuck(void *pointer)')));
      run(() => {
        track(4096n, { size: 7, free: stuck, label: 'stuck' }).dispose();
       
      });
      // Koffi throws at its next caller what a callback of a destructor has thrown: here, nothing.
      try { things.free(null); } catch (error) { if (error !== null) throw error; }
      make().dispose();
      `,
      'make().dispose();',
    );
    expect(found).toMatchObject({ ...clean, freed: 2 });
  });

  test('in a gauge: it is read again', async () => {
    const found = await cut(
      `
      const { gauge } = require('./lib');
      let used = 100;
      const cache = gauge('cache', () => { forever(); return used; });
      run(stats);
      used = 700;
      stats();
      `,
      'const { outside } = stats(); cache.close(); return outside;',
    );
    expect(found).toMatchObject({ ...clean, result: 700 });
  });

  test('in onPressure: it is asked again', async () => {
    const found = await cut(
      `
      const { configure } = require('./lib');
      const big = () => make(things.FREE, 2 ** 20);
      let kept = big();
      const onPressure = () => {
        forever();
        if (kept !== null) kept.dispose();
        kept = null;
      };
      configure({ limit: 1.5 * 2 ** 20, onPressure });
      run(() => { track(4096n, { size: 2 ** 20, free: null }); });
      `,
      'big().dispose(); return configure().onPressure === onPressure;',
    );
    expect(found).toMatchObject({ ...clean, result: true });
  });

  test('that is far from any C call of ours', async () => {
    const found = await cut('const kept = make(); run(forever); kept.dispose();', '');
    expect(found).toMatchObject({ ...clean, freed: 1 });
  });
});

test('while C calls back for many turns of promises, nothing is taken for cut off', async () => {
  const found = await cut(
    `
    const lent = create(10);
    const freed = [];
    call(lent, () => {
      lent.dispose();
      make().dispose();
      collect();
      freed.push(things.counters().freed);
      return 0;
    }, 1);
    if (freed[0] !== 1) throw new Error('the lent one was freed underfoot, or the other was not');
    `,
    '',
  );
  expect(found).toMatchObject({ ...clean, freed: 2 });
});

test('a destructor in JavaScript waits where the stack has no room for it', async () => {
  const child = await runChild('test/programs/support/at-stack-end.js', {
    args: [String(times(15, 50))],
    execArgv: ['--expose-gc'],
  });
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  expect(JSON.parse(child.stdout)).toEqual({ pointers: 0, failed: 0, lost: false, enough: true });
});

test('what a full stack says of garbage collections is not believed for ever', async () => {
  const child = await runChild('test/programs/support/gc-at-stack-end.js');
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  const exposed = 'undefined'; // a flag that was on for a moment shall not stay on
  const expected = { cold: true, early: 0, sure: true, overflows: 0, wrong: 0, exposed };
  expect(JSON.parse(child.stdout)).toEqual(expected);
});

test('where the stack is so small that there never is room, a destructor in JavaScript runs in a turn', async () => {
  const code = `
    const { stats, track } = require('./lib');
    const { stackPosition } = require('./lib/binding');
    let freed = 0;
    const dispose = () => track(1n, { size: 1, free: () => freed++ }).dispose();
    const deep = (bytes, from = stackPosition()) =>
      from - stackPosition() < bytes ? deep(bytes, from) : dispose();
    dispose();
    const atOnce = freed;
    deep(16 * 1024);
    const deeper = freed;
    let turns = 0;
    const wait = () => {
      if (freed < 2 && ++turns < 100) return setImmediate(wait);
      console.log(JSON.stringify({ atOnce, deeper, freed, pointers: stats().pointers }));
    };
    wait();
  `;
  const { stdout, ...rest } = await runChild(code, { execArgv: ['--stack-size=64'] });
  expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({ atOnce: 1, deeper: 1, freed: 2, pointers: 0 });
});

describe('a synchronous loop on a small stack is bounded', () => {
  // The addresses are nobody's: only the books are looked at.
  const loop = `
    const { stats, track } = require('./lib');
    const { nothing } = require('./lib/binding');
    const loop = () => {
      for (let i = 1n; i <= 1000n; i++) track(16n * i, { size: 2 ** 20, free: nothing });
      return Math.round(stats().peakBytes / 2 ** 20);
    };
    const deep = (kilobytes, from = stackPosition()) =>
      from - stackPosition() < 1024 * kilobytes ? deep(kilobytes, from) : loop();
    const { stackPosition } = require('./lib/binding');
  `;
  const testNative = process.env.FFI_TALLY_BACKEND === 'javascript' ? test.skip : test;

  const stacks = [
    [64, 0],
    [80, 0],
    [80, 20],
    [100, 40],
  ];

  testNative.each(some(stacks, 64, 100))('of %d kB, %d kB deep', async (size, depth) => {
    const child = await runChild(`${loop} console.log(deep(${depth}));`, {
      execArgv: ['--no-expose-gc', `--stack-size=${size}`],
    });
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(Number(child.stdout)).toBeLessThan(200);
  });

  testNative('of a worker', async () => {
    const child = await runChild(`
      const { Worker } = require('node:worker_threads');
      const code = ${JSON.stringify(loop)} + "require('node:worker_threads').parentPort.postMessage(loop());";
      // Of this Node takes 192 kB for itself.
      new Worker(code, { eval: true, resourceLimits: { stackSizeMb: 0.28 } }).on('message', console.log);
    `);
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(Number(child.stdout)).toBeLessThan(200);
  });
});
