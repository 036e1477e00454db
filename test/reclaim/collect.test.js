'use strict';

const { collect, stats, track } = require('../../lib');
const { expectBalance, expectRefusal } = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const inChildren = require('../support/in-children.js');
const things = require('../support/things.js');
const { FREE, counters } = things;

beforeEach(things.reset);
afterEach(expectBalance);

const make = (bytes, options) => track(things.make(bytes), { size: bytes, free: FREE, ...options });
const drop = (count, bytes, options) => {
  for (let i = 0; i < count; i++) make(bytes, options);
};

test('returns what was freed', () => {
  // All at once, so that none can be found dead as another comes.
  (() => [...Array.from({ length: 10 }, () => make(100)), make(2 ** 20), make(2 ** 20)])();
  expect(collect()).toEqual({ bytes: 1000 + 2 ** 21, pointers: 12 });
  expect(counters()).toMatchObject({ freed: 12, live: 0 });
  expect(collect()).toEqual({ bytes: 0, pointers: 0 });
});

test('counts what JavaScript destructors freed', () => {
  (() => Array.from({ length: 10 }, () => make(100, { free: (address) => things.free(address) })))();
  expect(collect()).toEqual({ bytes: 1000, pointers: 10 });
});

test('does not count what was freed before', () => {
  make(100).dispose();
  expect(collect()).toEqual({ bytes: 0, pointers: 0 });
});

test('leaves what is alive', () => {
  const kept = make(100);
  (() => drop(1, 50))();
  expect(collect()).toEqual({ bytes: 50, pointers: 1 });
  expect(kept.disposed).toBe(false);
  expect(things.id(kept.address)).toBeGreaterThan(0);
  kept.dispose();
});

test('a minor collection frees what died young', () => {
  collect(); // while V8 marks, minor ones find little
  (() => drop(100, 100))();
  collect({ type: 'minor' });
  collect({ type: 'minor' });
  expect(counters().freed).toBeGreaterThanOrEqual(95); // the last ones may still be in a register
});

test('a minor collection leaves what is old, a major one does not', () => {
  const keep = [];
  (() => {
    for (let i = 0; i < 10; i++) keep.push(make(100));
  })();
  collect();
  collect();
  keep.length = 0;
  collect({ type: 'minor' });
  expect(counters().freed).toBe(0);
  expect(collect({ type: 'major' })).toEqual({ bytes: 1000, pointers: 10 });
});

test('is a major one by default', () => {
  const before = stats().collections;
  collect();
  collect({});
  collect({ type: undefined });
  const after = stats().collections;
  expect(after.major - before.major).toBe(3);
  expect(after.minor).toBe(before.minor);
});

test.each([
  ['null', null, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
  ['a string', 'major', TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
  ['an unknown option', { kind: 'major' }, TypeError, 'ERR_TALLY_UNKNOWN_OPTION'],
  ['an unknown type', { type: 'huge' }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  ['a type that is no string', { type: 1 }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  ['a type that is null', { type: null }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
])('refuses %s', (_, options, Class, code) => {
  expectRefusal(() => collect(options), Class, code);
});

inChildren.test.each([
  ['with gc() exposed', ['--expose-gc']],
  ['without', []],
  ['with code generation from strings forbidden', ['--disallow-code-generation-from-strings']],
  ['with frozen intrinsics', ['--frozen-intrinsics', '--no-warnings']],
])('works in a process started %s, and leaves it as it was', async (_, execArgv) => {
  const child = await runChild(
    `
    const { collect, track } = require('./lib');
    const things = require('./test/support/things.js');
    const globals = () => Object.getOwnPropertyNames(globalThis).sort().join();
    const before = globals();
    (() => { for (let i = 0; i < 10; i++) track(things.make(100), { size: 100, free: things.FREE }); })();
    const found = collect();
    console.log(found.pointers, things.counters().live, before === globals(), typeof globalThis.gc);
    console.log(require('node:vm').runInNewContext('typeof gc'));
  `,
    { execArgv },
  );
  const exposed = execArgv.includes('--expose-gc') ? 'function' : 'undefined';
  expect(child).toEqual({
    code: 0,
    signal: null,
    stdout: `10 0 true ${exposed}\n${exposed}\n`,
    stderr: '',
  });
});

// Another thread finds gc() where nobody wants it, if it makes a context while the flag is set.
inChildren.test(
  'the flag that shows gc() is set while one context is made, by one thread at a time',
  async () => {
    const child = await runChild(`
    const { Worker } = require('node:worker_threads');
    const code = \`
      const { parentPort, workerData } = require('node:worker_threads');
      const inside = new Int32Array(workerData);
      const v8 = require('node:v8');
      const vm = require('node:vm');
      const { createContext } = vm;
      const { setFlagsFromString } = v8;
      const done = [];
      v8.setFlagsFromString = (flag) => (done.push(flag), setFlagsFromString(flag));
      const meet = () => {
        if (Atomics.add(inside, 2, 1) === 3) Atomics.notify(inside, 2);
        for (let here; (here = Atomics.load(inside, 2)) < 4; ) Atomics.wait(inside, 2, here);
      };
      vm.createContext = () => {
        const isShown = done.at(-1) === '--expose-gc';
        if (isShown && Atomics.add(inside, 0, 1) > 0) done.push('beside another');
        if (isShown) Atomics.wait(inside, 1, 0, 20); // for others, who must not come
        const context = createContext();
        if (isShown) Atomics.sub(inside, 0, 1);
        else meet();
        done.push('context');
        return context;
      };
      require('./lib').collect();
      parentPort.postMessage(done.join(' '));
    \`;
    const shared = new SharedArrayBuffer(12);
    for (let i = 0; i < 4; i++) {
      new Worker(code, { eval: true, workerData: shared }).on('message', (done) => console.log(done));
    }
  `);
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(child.stdout).toBe('context --expose-gc context --no-expose-gc\n'.repeat(4));
  },
);

inChildren.test('a gc() of another kind, put there by the program, is harmless', async () => {
  const child = await runChild(`
    globalThis.gc = 'not a function';
    const { collect, track } = require('./lib');
    const things = require('./test/support/things.js');
    (() => { for (let i = 0; i < 10; i++) track(things.make(100), { size: 100, free: things.FREE }); })();
    collect();
    console.log(things.counters().live);
  `);
  expect(child).toMatchObject({ code: 0, signal: null, stdout: '0\n', stderr: '' });
});
