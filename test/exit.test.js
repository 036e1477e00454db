'use strict';
// The end of the main thread. Each way of ending is tried with us and without: nobody must be able to tell the
// difference. What has been freed by then the referee writes to a file when it goes.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { runChild } = require('./support/child.js');

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-exit-'));
afterAll(() => fs.rmSync(directory, { recursive: true }));
let reports = 0;

const MADE = 403;

/** A program with live, dropped, held and half-freed pointers, that then ends by `end`. */
const program = (atExit, end) => `
  const { configure, stats, track } = require('./lib');
  const things = require('./test/support/things.js');
  configure({ atExit: '${atExit}' });
  const make = (size, parent) => track(
    parent === undefined ? things.make(size) : things.makeChild(parent.address, size),
    { size, free: things.FREE, parent },
  );
  globalThis.kept = [];
  (() => {
    for (let i = 0; i < 100; i++) {
      const parent = make(100);
      kept.push(parent, make(100, parent));
      make(50_000);
      make(100_000, parent);
      if (i % 10 === 0) parent.dispose();
    }
  })();
  stats();
  kept.push(make(10), make(10), make(10)); // their books are not made yet
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

async function end(code, env) {
  const report = path.join(directory, `${reports++}.json`);
  const child = await runChild(code, { env: { ...env, COUNTING_REPORT: report } });
  const lines = fs.existsSync(report) ? fs.readFileSync(report, 'utf8').trim().split('\n') : [];
  return { child, lines: lines.map((line) => JSON.parse(line)) };
}

// Without the first lines, which name the place in the code and so differ.
const withoutPlace = ({ stderr, ...rest }) => ({ ...rest, stderr: stderr.split('\n').slice(-3).join('\n') });

describe.each(['skip', 'free'])('atExit: %s', (atExit) => {
  test.each(ways)('%s is as without us', async (_, how) => {
    const [ours, plain] = await Promise.all([
      end(program(atExit, how)),
      end(`require('./test/support/things.js'); ${how}`),
    ]);
    expect(withoutPlace(ours.child)).toEqual(withoutPlace(plain.child));
    // The referee must be heard at the end wherever it is heard without us, and have seen no fault.
    expect(ours.lines).toHaveLength(plain.lines.length);
    for (const found of ours.lines) {
      expect(found).toMatchObject({ made: MADE, double_frees: 0, foreign_frees: 0, freed_underfoot: 0 });
      expect(found.orphans).toBe(0);
    }
  });

  test('in a destructor', async () => {
    const how = 'track(1n, { size: 0, free: () => process.exit(9) }).dispose()';
    const { child, lines } = await end(program(atExit, how));
    expect(child).toEqual({ code: 9, signal: null, stdout: '', stderr: '' });
    for (const found of lines) expect(found).toMatchObject({ double_frees: 0, foreign_frees: 0, orphans: 0 });
  });

  test('in a call back from C', async () => {
    const how = `
      const { koffi, library } = things;
      const proto = koffi.proto('int exit_callback(void *thing, int value)');
      const call = library.func('thing_call', 'int', ['void *', koffi.pointer(proto), 'int']);
      call(kept[0].disposed ? kept[2].address : kept[0].address, () => { process.exit(9); }, 1);
    `;
    const { child, lines } = await end(program(atExit, how));
    expect(child).toEqual({ code: 9, signal: null, stdout: '', stderr: '' });
    for (const found of lines) expect(found).toMatchObject({ double_frees: 0, foreign_frees: 0, orphans: 0 });
  });
});

const normal = ways.slice(0, 3);

test.each(normal)(
  `'free': by %s everything with a native destructor is freed, children first`,
  async (_, how) => {
    const { lines } = await end(program('free', how));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ made: MADE, freed: MADE, live: 0, orphans: 0, double_frees: 0 });
  },
);

test.each(normal)(`'skip': by %s nothing is freed that was not freed before`, async (_, how) => {
  const { lines } = await end(program('skip', how));
  expect(lines).toHaveLength(1);
  expect(lines[0].live).toBeGreaterThan(100);
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

test.each(['skip', 'free'])('%s: with --expose-gc and a full queue at the end', async (atExit) => {
  const { child } = await end(`
    ${program(atExit, '')}
    kept.length = 0;
    stats();
  `);
  expect(child).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
});

test('a program that only loads us ends as it would', async () => {
  expect(await runChild(`require('./lib')`)).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
});
