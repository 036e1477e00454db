'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { collect, configure, handOver, stats, takeOver, track } = require('../../lib');
const { expectBalance, expectRefusal } = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const inChildren = require('../support/in-children.js');
const things = require('../support/things.js');
const { times } = require('../support/whole.js');

const { FREE, counters } = things;
// That are taken over by many at once; that are terminated while they take over.
const TOKENS = times(500, 2000);
const WORKERS = times(4, 10);
const defaults = configure();

beforeEach(things.reset);
afterEach(() => {
  configure(defaults);
  expect(stats({ scope: 'process' }).inTransit).toEqual({ bytes: 0, pointers: 0 });
  return expectBalance();
});

const make = (bytes = 100, options = {}) =>
  track(things.make(bytes), { size: bytes, free: FREE, label: 'thing', ...options });
const refused = (token) => expectRefusal(() => takeOver(token), Error, 'ERR_TALLY_TAKEN_OVER');

test.each([100, 2 ** 20])('is a tracked pointer as if it had been tracked here: %i bytes', (bytes) => {
  const first = make(bytes);
  const { address } = first;
  const { tracked } = stats().totals;
  const pointer = takeOver(handOver(first));
  expect(pointer).toMatchObject({ address, size: bytes, label: 'thing', disposed: false });
  expect(stats()).toMatchObject({ bytes, pointers: 1 });
  expect(stats().totals.tracked - tracked).toBe(1);
  pointer.dispose();
  expect(counters()).toMatchObject({ live: 0, freed: 1 });
});

test('is collected', () => {
  (() => {
    for (let i = 0; i < 300; i++) takeOver(handOver(make()));
  })();
  collect();
  expect(counters()).toMatchObject({ live: 0, freed: 300 });
});

test('is a parent, is resized, is handed over again', () => {
  let pointer = takeOver(handOver(make()));
  track(things.makeChild(pointer.address, 10), { size: 10, free: FREE, parent: pointer }).dispose();
  things.enlarge(pointer.address, 50);
  pointer.resize(150);
  for (let i = 0; i < 10; i++) pointer = takeOver(handOver(pointer));
  expect(pointer.size).toBe(150);
  pointer.dispose();
});

describe('once', () => {
  test('whatever is done with the token', () => {
    const token = handOver(make());
    const copies = [structuredClone(token), structuredClone(token), JSON.parse(JSON.stringify(token)), token];
    const pointer = takeOver(copies.pop());
    for (const copy of [...copies, token]) expect(refused(copy).message).toContain('thing');
    expect(counters().freed).toBe(0);
    pointer.dispose();
    for (const copy of [...copies, token]) refused(copy);
    expect(counters().freed).toBe(1);
  });

  test('a token that nobody has given out', () => {
    refused({ handedOver: '', label: 'x', size: 1 });
    refused({ handedOver: '3c4ad6ca-6a5f-4a11-9a5f-000000000000', label: 'x', size: 1 });
  });
});

test.each([null, undefined, 7, 'text', 1n, {}, { handedOver: 1 }, []])('%p is no token', (value) => {
  expectRefusal(() => takeOver(value), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
});

describe('a refusal leaves it in transit', () => {
  test('for want of numbers', () => {
    const token = handOver(make());
    const huge = track(1n, { size: Number.MAX_SAFE_INTEGER - 10, free: null });
    expectRefusal(() => takeOver(token), RangeError, 'ERR_TALLY_OVERFLOW');
    expect(stats({ scope: 'process' }).inTransit.pointers).toBe(1);
    huge.dispose();
    takeOver(token).dispose();
  });

  test('in the checked mode, where its address has an owner', () => {
    configure({ checked: true });
    const first = make();
    const { address } = first;
    const token = handOver(first);
    const owner = track(address, { size: 1, free: () => {} });
    expectRefusal(() => takeOver(token), Error, 'ERR_TALLY_TRACKED_TWICE');
    owner.dispose();
    const pointer = takeOver(token);
    expectRefusal(() => track(pointer.address, { size: 1, free: FREE }), Error, 'ERR_TALLY_TRACKED_TWICE');
    pointer.dispose();
  });
});

test('shared travels along', () => {
  configure({ checked: true });
  const make2 = () => track(4096n, { size: 1, free: null, shared: true });
  const [a, b] = [make2(), make2()].map((pointer) => takeOver(handOver(pointer)));
  a.dispose();
  b.dispose();
});

inChildren.describe('from another thread', () => {
  /** Runs `main`, whose start() starts a worker with `worker`; both with what programs/pointers/threads.js has. */
  const run = async (worker, main) => {
    const names =
      '{ MessageChannel, attempt, codeOf, collect, finish, handOver, make, once, stats, takeOver, things, track }';
    const prelude = `const ${names} = require('./test/programs/pointers/threads.js');`;
    const code = `${prelude} const { parentPort } = require('node:worker_threads'); ${worker}`;
    const program = `
      ${prelude}
      const start = () => require('./test/programs/pointers/threads.js').start(${JSON.stringify(code)});
      finish(async () => { ${main} });
    `;
    return expectNothingLeft(await runChild(program));
  };

  function expectNothingLeft(child) {
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    const found = JSON.parse(child.stdout);
    expect(found).toMatchObject({ bytes: 0, pointers: 0, reported: 0, live: 0, ...things.faultless });
    expect(found.inTransit).toEqual({ bytes: 0, pointers: 0 });
    return found;
  }

  test('to a worker, which disposes, keeps or drops what it gets', async () => {
    const found = await run(
      `
      globalThis.kept = [];
      parentPort.on('message', (tokens) => {
        if (tokens === null) return parentPort.close();
        for (const [i, token] of tokens.entries()) {
          const pointer = takeOver(token);
          if (i % 3 === 0) pointer.dispose();
          if (i % 3 === 1) kept.push(pointer);
        }
        parentPort.postMessage(stats().totals.tracked);
      });
      `,
      `
      const worker = start();
      const told = [];
      for (let i = 0; i < 10; i++) {
        worker.postMessage(Array.from({ length: 100 }, (_, j) => handOver(make(j === 50 ? 1e6 : 100))));
        told.push(...(await once(worker, 'message')));
      }
      worker.postMessage(null);
      await worker.ended;
      return told;
      `,
    );
    expect(found.result).toEqual(Array.from({ length: 10 }, (_, i) => 100 * (i + 1)));
    expect(found).toMatchObject({ made: 1000, freed: 1000 });
  });

  test('from a worker that has ended since', async () => {
    const found = await run(
      `
      globalThis.kept = track(things.make(50), { size: 50, free: things.FREE });
      parentPort.postMessage(handOver(track(things.make(100), { size: 100, free: things.FREE, label: 'thing' })));
      process.exit();
      `,
      `
      const worker = start();
      const [token] = await once(worker, 'message');
      await worker.ended;
      const { freed } = things.counters();
      const pointer = takeOver(token);
      const { size, label } = pointer;
      pointer.dispose();
      return { freed, size, label };
      `,
    );
    expect(found.result).toEqual({ freed: 1, size: 100, label: 'thing' });
    expect(found).toMatchObject({ made: 2, freed: 2 });
  });

  test('from a worker that has ended since, where the main thread has never loaded the library', async () => {
    const worker = (code) => `
      const { parentPort, workerData } = require('node:worker_threads');
      const { handOver, stats, takeOver, track } = require('./lib');
      const things = require('./test/support/things.js');
      const figures = () => {
        const { inTransit, totals } = stats({ scope: 'process' });
        return { inTransit, tracked: totals.tracked, released: totals.released };
      };
      ${code}
    `;
    const child = await runChild(`
      const { once } = require('node:events');
      const { Worker } = require('node:worker_threads');
      const start = async (code, workerData) => {
        const worker = new Worker(code, { eval: true, workerData });
        const ended = once(worker, 'exit');
        const [message] = await once(worker, 'message');
        await ended;
        return message;
      };
      (async () => {
        const token = await start(${JSON.stringify(
          worker(`
            const make = (label) => track(things.make(100), { size: 100, free: things.FREE, label });
            globalThis.kept = make('kept');
            parentPort.postMessage(handOver(make('thing')));
          `),
        )});
        console.log(JSON.stringify(await start(${JSON.stringify(
          worker(`
            const before = figures();
            const pointer = takeOver(workerData);
            const { size, label } = pointer;
            pointer.dispose();
            parentPort.postMessage({ before, size, label, freed: things.counters().freed });
          `),
        )}, token)));
      })();
    `);
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(JSON.parse(child.stdout)).toMatchObject({
      before: { inTransit: { bytes: 100, pointers: 1 }, tracked: 2, released: 1 },
      size: 100,
      label: 'thing',
      freed: 2,
    });
  });

  test('by whoever is first: ten threads and the sender, the same tokens', async () => {
    const found = expectNothingLeft(
      await runChild('test/programs/pointers/race.js', { args: [String(TOKENS)] }),
    );
    expect(found.result).toEqual({ taken: TOKENS, refused: 10 * TOKENS });
    expect(found).toMatchObject({ made: TOKENS, freed: TOKENS });
  });

  test('which is terminated before it has read the message: the sender takes it back', async () => {
    const found = await run(
      `parentPort.on('message', () => {}); parentPort.postMessage('full'); for (;;);`,
      `
      const worker = start();
      await once(worker, 'message');
      const token = handOver(make());
      worker.postMessage(token);
      await worker.terminate();
      const left = stats({ scope: 'process' }).inTransit;
      takeOver(token).dispose();
      return { left, twice: codeOf(() => takeOver(token)) };
      `,
    );
    expect(found.result).toEqual({ left: { bytes: 100, pointers: 1 }, twice: 'ERR_TALLY_TAKEN_OVER' });
  });

  test('through a port that is closed: the sender takes it back', async () => {
    await run(
      '',
      `
      const { port1, port2 } = new MessageChannel();
      const closed = once(port1, 'close');
      const token = handOver(make());
      port1.postMessage(token);
      port2.close();
      port1.ref();
      await closed;
      takeOver(token).dispose();
      `,
    );
  });

  // What a worker has handed over when it is terminated, and nobody has heard of, is freed at the end of the process.
  test('which is terminated at any moment while it takes over and hands over', async () => {
    const report = path.join(os.tmpdir(), `ffi-tally-take-over-${process.pid}.json`);
    const child = await runChild('test/programs/pointers/terminated.js', {
      args: [String(WORKERS)],
      env: { COUNTING_REPORT: report },
    });
    const end = JSON.parse(fs.readFileSync(report, 'utf8'));
    fs.rmSync(report);
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    const { back, left, ...books } = JSON.parse(child.stdout);
    expect(books).toEqual({ bytes: 0, pointers: 0 });
    expect(back).toBeGreaterThanOrEqual(500 * (WORKERS - 1));
    expect(left).toBeGreaterThan(0);
    expect(end).toMatchObject({ made: 2000 * WORKERS, freed: 2000 * WORKERS, live: 0, ...things.faultless });
  });
});
