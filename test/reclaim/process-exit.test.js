/** @jest-environment ./test/support/once.js */
'use strict';
// The end of the main thread. Each way of ending is tried with us and without: nobody must be able to tell the
// difference. What has been freed by then the referee writes to a file when it goes.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { runChild } = require('../support/child.js');
const { windows } = require('../support/platform.js');
const { faultless } = require('../support/things.js');
const { combinations, some } = require('../support/whole.js');

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-exit-'));
afterAll(() => fs.rmSync(directory, { recursive: true }));
let reports = 0;

const MADE = 403;
const IN_FLIGHT = 10;

/** A program with live, dropped, held and half-freed pointers, that then ends by `end`. */
const program = (atExit, end) => `
  process.env.FFI_TALLY_TEST_AT_EXIT = '${atExit}';
  const { configure, make, stats, things, track } = require('./test/programs/reclaim/ends.js');
  ${end}
`;

const ways = [
  ['coming to the end', ''],
  ['coming to the end after turns of the event loop', 'setImmediate(() => setTimeout(() => {}, 1))'],
  ['process.exitCode', 'process.exitCode = 3'],
  ['process.exit()', 'process.exit(4)'],
  ['process.exit() in a turn of the event loop', 'setImmediate(() => process.exit(4))'],
  ['process.exit() in a microtask', 'Promise.resolve().then(() => process.exit(4))'],
  [`process.exit() on 'exit'`, `process.on('exit', () => process.exit(5))`],
  [`process.exit() on 'beforeExit'`, `process.on('beforeExit', () => process.exit(5))`],
  ['an uncaught exception', 'process.stderr.write = () => true; throw new Error("on purpose")', 1],
  ['an unhandled rejection', 'Promise.reject(new Error("on purpose"))', 1],
  ['SIGTERM', `process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000)`],
  [
    `SIGTERM, handled`,
    `process.on('SIGTERM', () => process.exit(6)); process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 10_000)`,
  ],
];

const dropIn = `
  const { withOwnership } = require('./lib/ffi/koffi/with-ownership.js');
  const koffi = withOwnership(things.koffi);
  const lib = koffi.load(require('./test/support/counting.js').counting);
  koffi.opaque('ExitThing');
  koffi.owned('OwnedExitThing', 'ExitThing *', { free: 'thing_free', size: (thing, bytes) => bytes });
  koffi.proto('int exit_callback(ExitThing *thing, int value)');
  const owned = lib.func('OwnedExitThing thing_new(size_t bytes)');
  const sum = lib.func('int thing_sum_slow(ExitThing *thing, int ms)');
  const call = lib.func('int thing_call(ExitThing *thing, exit_callback *callback, int value)');
`;

// Ways of ending while C of ours is on the stack, and how many more things they make.
const inC = [
  ['in a call back from C', `${dropIn} call(owned(10), () => { process.exit(9); }, 1)`],
  [
    'in a call back from C that a destructor called',
    `${dropIn} track(1n, { size: 0, free: () => call(owned(10), () => { process.exit(9); }, 1) }).dispose()`,
  ],
  [
    'in a call back from a native destructor',
    `
      const { koffi } = things;
      const pointer = koffi.pointer(koffi.proto('void exit_destructor(void *)'));
      const callback = koffi.register(() => process.exit(9), pointer);
      const free = typeof callback === 'bigint' ? callback : koffi.address(callback);
      track(things.make(10), { size: 10, free }).dispose();
    `,
  ],
];

async function end(code, env, execArgv) {
  const report = path.join(directory, `${reports++}.json`);
  const child = await runChild(code, { execArgv, env: { ...env, COUNTING_REPORT: report } });
  const lines = fs.existsSync(report) ? fs.readFileSync(report, 'utf8').trim().split('\n') : [];
  return { child, lines: lines.map((line) => JSON.parse(line)) };
}

// Without the first lines, which name the place in the code and so differ.
const withoutPlace = ({ stderr, ...rest }) => ({ ...rest, stderr: stderr.split('\n').slice(-3).join('\n') });

// What is made is freed by 'free', children first, and by 'skip' stays. On Windows a process that sends itself a signal ends,
// whoever handles it.
const areHeard = ways.filter(([name]) => name !== 'SIGTERM' && !(windows && name.startsWith('SIGTERM')));

// Of each kind one: by itself, asked to, in the middle of ending, by a fault, by the kernel.
const tried = some(
  ways,
  'coming to the end after turns of the event loop',
  'process.exit()',
  `process.exit() on 'exit'`,
  'an uncaught exception',
  'SIGTERM',
);

test.each(tried)('%s is as without us', async (name, how) => {
  const [plain, skip, free] = await Promise.all([
    end(`require('./test/support/things.js'); ${how}`),
    end(program('skip', how)),
    end(program('free', how)),
  ]);
  for (const ours of [skip, free]) {
    expect(withoutPlace(ours.child)).toEqual(withoutPlace(plain.child));
    // The referee must be heard at the end wherever it is heard without us, and have seen no fault.
    expect(ours.lines).toHaveLength(plain.lines.length);
    for (const found of ours.lines) expect(found).toMatchObject({ ...faultless, made: MADE });
  }
  if (!areHeard.some(([heard]) => heard === name)) return;
  expect(plain.lines).toHaveLength(1);
  expect(skip.lines[0].live).toBeGreaterThan(100);
  expect(free.lines[0]).toMatchObject({ freed: MADE, live: 0 });
});

describe.each(some(['skip', 'free'], 'free'))('atExit: %s', (atExit) => {
  test.each(inC)('process.exit() %s', async (_, how) => {
    const { child, lines } = await end(program(atExit, how));
    expect(child).toEqual({ code: 9, signal: null, stdout: '', stderr: '' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ ...faultless, made: MADE + 1 });
    // C is in the middle of something, so nothing is freed that was not freed before.
    expect(lines[0].live).toBeGreaterThan(200);
  });
});

// With the exit code, and how many more things they make.
const freeing = [
  ['process.exit() in a destructor', 'track(1n, { size: 0, free: () => process.exit(9) }).dispose()', 9],
  [
    'process.exit() in a destructor, in a turn of the event loop',
    `
      (() => void track(1n, { size: 0, free: () => process.exit(9) }))();
      setImmediate(() => { gc(); setInterval(() => {}, 10_000); });
    `,
    9,
  ],
  [
    'process.exit() by a later listener that tracks more',
    `process.on('exit', () => { kept.push(make(10), make(70_000)); process.exit(5); })`,
    5,
    2,
  ],
  [
    'process.exit() by an earlier listener',
    `configure({ atExit: 'skip' }); process.on('exit', () => process.exit(5)); configure({ atExit: 'free' })`,
    5,
  ],
  [
    'process.exit() in the getter of an option',
    'track(1n, { get size() { process.exit(4); }, free: null })',
    4,
  ],
  [
    'process.exit() with a chain of 100 000',
    `for (let i = 0, link; i < 1e5; i++) kept.push((link = make(16, link)));
     process.exit(4)`,
    4,
    1e5,
  ],
  [
    'process.exit() with calls in flight',
    `
      ${dropIn}
      for (let i = 0; i < ${IN_FLIGHT}; i++) sum.async(owned(10_000), 50, () => process.exit(8));
      process.exit(4);
    `,
    4,
    IN_FLIGHT,
  ],
  [
    'process.exit() with a worker that has pointers too',
    `
      const { Worker } = require('node:worker_threads');
      const code = "const { track } = require('./lib'); const things = require('./test/support/things.js');" +
        "globalThis.kept = Array.from({ length: 10 }, () => track(things.make(9), { size: 9, free: things.FREE }));" +
        "require('node:worker_threads').parentPort.postMessage('full'); setInterval(() => {}, 1000);";
      new Worker(code, { eval: true }).on('message', () => process.exit(4));
    `,
    4,
    10,
  ],
];

// The last JavaScript cannot free what threads are using in their calls; what C registers is called after these.
const inUse = (how) => (how.includes('sum.async') ? IN_FLIGHT : 0);

test.each(freeing.map(([name, how, code, more = 0]) => [name, how, code, MADE + more]))(
  `'free': by %s everything with a native destructor is freed, children first`,
  async (_, how, code, made) => {
    const { child, lines } = await end(program('free', how), {}, ['--expose-gc']);
    expect(child).toMatchObject({ code, signal: null, stdout: '' });
    const live = windows ? inUse(how) : 0;
    expect(lines).toEqual([expect.objectContaining({ ...faultless, made, freed: made - live, live })]);
  },
);

// On Windows it is the last JavaScript that frees. Here too, when told that this were Windows; what calls C must not be.
const asOnWindows = (code) => `
  require('./test/support/things.js');
  Object.defineProperty(process, 'platform', { value: 'win32' });
  require('./lib/reclaim/process-exit.js');
  Object.defineProperty(process, 'platform', { value: '${process.platform}' });
  ${code}
`;

const asTheLast = `'free', by the last JavaScript: by %s everything with a native destructor is freed, children first`;
async function freesAsTheLast(_, how, code = expect.any(Number), more = 0) {
  const { child, lines } = await end(asOnWindows(program('free', how)), {}, ['--expose-gc']);
  expect(child).toMatchObject({ code, signal: null, stdout: '' });
  const made = MADE + more;
  const live = inUse(how);
  expect(lines).toEqual([expect.objectContaining({ ...faultless, made, freed: made - live, live })]);
}

const last = some(
  freeing,
  'process.exit() in a destructor',
  'process.exit() by a later listener that tracks more',
  'process.exit() with calls in flight',
  'process.exit() with a worker that has pointers too',
);

test.each(last)(asTheLast, freesAsTheLast);
combinations.test.each(areHeard)(asTheLast, freesAsTheLast);

test.each(inC)(`'free', by the last JavaScript: process.exit() %s`, async (_, how) => {
  const { child, lines } = await end(asOnWindows(program('free', how)));
  expect(child).toEqual({ code: 9, signal: null, stdout: '', stderr: '' });
  expect(lines).toEqual([expect.objectContaining({ ...faultless, made: MADE + 1 })]);
  expect(lines[0].live).toBeGreaterThan(200);
});

test.each([
  ['process.exit()', 'process.exit(4)'],
  ['an uncaught exception', 'throw new Error("on purpose")'],
  [
    'an uncaught exception when the process ends',
    `process.on('exit', () => { throw new Error('on purpose'); })`,
  ],
])(`'free', by the last JavaScript: by %s listeners of others still have their pointers`, async (_, how) => {
  const { child, lines } = await end(
    asOnWindows(`
      process.on('exit', () => { if (things.id(kept[2].address) < 0) process.stdout.write('freed'); });
      ${program('free', how)}
    `),
  );
  expect(child).toMatchObject({ signal: null, stdout: '' });
  expect(lines).toEqual([expect.objectContaining({ ...faultless, made: MADE, freed: MADE })]);
});

test(`'free': by process.exit() libraries loaded later are still as they were`, async () => {
  const { child, lines } = await end(`
    const { configure, track } = require('./lib');
    configure({ atExit: 'free' });
    const things = require('./test/support/things.js');
    globalThis.kept = Array.from({ length: 10 }, () => track(things.make(9), { size: 9, free: things.FREE }));
    process.exit(4);
  `);
  expect(child).toEqual({ code: 4, signal: null, stdout: '', stderr: '' });
  expect(lines).toEqual([expect.objectContaining({ ...faultless, made: 10, freed: 10 })]);
});

test(`'skip' again, after 'free', and a second copy of the JavaScript half`, async () => {
  const { child, lines } = await end('test/programs/reclaim/copies-at-exit.js');
  expect(child).toEqual({ code: 4, signal: null, stdout: '', stderr: '' });
  expect(lines).toEqual([expect.objectContaining({ ...faultless, made: 4, freed: 3 })]);
});

test(`'free': the library of the destructors is still mapped when its JavaScript objects are gone`, async () => {
  const code = `
    const { configure, track, stats } = require('./lib');
    const koffi = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');
    configure({ atExit: 'free' });
    globalThis.kept = [];
    (() => {
      const lib = koffi.load(require('./test/support/build.js')().counting2);
      const make = lib.func('void *thing_new(size_t bytes)');
      const free = koffi.type === undefined ? koffi.address(lib.symbol('thing_free', 'void *')) : lib.symbol('thing_free');
      for (let i = 0; i < 10; i++) kept.push(track(make(10), { size: 10, free }));
      stats();
      lib.unload();
    })();
    gc(); setImmediate(gc);
  `;
  const report = path.join(directory, 'unloaded.json');
  const child = await runChild(code, { execArgv: ['--expose-gc'], env: { COUNTING_REPORT: report } });
  expect(child).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  const [found] = fs
    .readFileSync(report, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(found).toMatchObject({ made: 10, freed: 10, live: 0 });
});

test.each(some(['skip', 'free'], 'free'))(
  '%s: with --expose-gc and a full queue at the end',
  async (atExit) => {
    const { child } = await end(`
    ${program(atExit, '')}
    kept.length = 0;
    stats();
  `);
    expect(child).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  },
);

test('a program that only loads us ends as it would', async () => {
  expect(await runChild(`require('./lib')`)).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
});
