'use strict';

const fs = require('node:fs');
const path = require('node:path');
const ts = require('typescript');
const { TrackedPointer, configure, collect, stats, track } = require('../../lib');
const { withOwnership } = require('../../lib');
const { expectBalance } = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const { gcUntil } = require('../support/gc-until.js');
const inChildren = require('../support/in-children.js');
const { counting } = require('../support/counting.js');
const things = require('../support/things.js');
const { FREE, faultless, counters, koffi } = things;

const MIB = 2 ** 20;
const directory = path.join(__dirname, '../../build/trace');

beforeEach(things.reset);
afterEach(() => configure({ trace: 0 }));
afterEach(expectBalance);

const make = (bytes, label, options) =>
  track(things.make(bytes), { size: bytes, free: FREE, label, ...options });
const tracesOf = (label) => stats().traces.filter((trace) => trace.label === label);

test('nothing is traced until it is asked for', () => {
  const pointer = make(10, 'untraced');
  const large = make(2 * MIB, 'untraced');
  expect(configure().trace).toBe(0);
  expect(stats().traces).toEqual([]);
  for (const each of [pointer, large]) each.dispose();
});

test('each place has its stack, its pointers and its bytes, as long as they live', () => {
  configure({ trace: 1 });
  const here = () => make(10, 'places');
  function there() {
    return make(1000, 'places');
  }
  const pointers = [];
  for (let i = 0; i < 3; i++) pointers.push(here());
  const large = there();
  const [first, second, ...others] = tracesOf('places');
  expect(others).toEqual([]);
  expect(first).toMatchObject({ label: 'places', bytes: 1000, pointers: 1, samples: 1 });
  expect(first.stack.split('\n')[1]).toMatch(/^ {4}at there \(.*trace\.test\.js:\d+:\d+\)$/);
  expect(second).toMatchObject({ bytes: 30, pointers: 3, samples: 3 });
  expect(second.stack.split('\n')[1]).toMatch(/^ {4}at here \(.*trace\.test\.js:\d+:\d+\)$/);
  expect(second.stack).not.toContain(`${path.sep}lib${path.sep}`);
  large.dispose();
  large.dispose();
  things.free(pointers.pop().release());
  expect(tracesOf('places')).toMatchObject([{ bytes: 20, pointers: 2 }]);
  for (const pointer of pointers) pointer.dispose();
  expect(tracesOf('places')).toEqual([]);
  expect(stats().accounts.filter(({ label }) => label === 'places')).toHaveLength(1);
});

test('what is collected is told as that in the traces, and the size is that of now', () => {
  configure({ trace: 1 });
  const kept = make(10, 'collected');
  kept.resize(500);
  const drop = () => void make(10, 'collected');
  for (let i = 0; i < 20; i++) drop();
  for (let i = 0; i < 20; i++) make(10, 'collected').dispose();
  expect(tracesOf('collected')).toHaveLength(2);
  collect();
  const [alive, undisposed, ...others] = tracesOf('collected');
  expect(others).toEqual([]);
  expect(alive).toMatchObject({ bytes: 500, pointers: 1, collected: 0 });
  expect(undisposed).toMatchObject({ bytes: 0, pointers: 0, collected: 20, samples: 0 });
  expect(undisposed.stack.split('\n')[1]).toContain('at drop (');
  kept.dispose();
});

describe('where what was collected was last used', () => {
  const owning = withOwnership(koffi);
  const library = owning.load(counting);
  owning.opaque('UsedThing');
  owning.owned('OwnedUsedThing', 'UsedThing *', { free: 'thing_free', size: 10 });
  const create = library.func('OwnedUsedThing thing_new(size_t bytes)');
  const id = library.func('int64_t thing_id(UsedThing *thing)');
  const free = library.func('void thing_free(OwnedUsedThing thing)');
  const first = (thing) => id(thing);
  const then = (thing) => id(thing);
  const look = (thing) => thing.address;
  const places = () => tracesOf('OwnedUsedThing').flatMap(({ lastUsed }) => lastUsed);
  const names = () => places().map(({ collected, stack }) => [/at (\S+)/.exec(stack)[1], collected]);

  test('is the newest use, of those that nobody disposed of', async () => {
    configure({ trace: 1 });
    function leave(...uses) {
      const thing = create(10);
      for (const use of uses) use(thing);
      return thing;
    }
    for (let i = 0; i < 3; i++) leave(then, first);
    for (let i = 0; i < 5; i++) leave(first, then);
    leave(then, look);
    leave(); // used nowhere
    leave(first).dispose();
    free(leave(then));
    things.free(leave(first).release());
    expect(() => leave(first).dispose({ wrong: true })).toThrow();
    await gcUntil(
      'all of them are told',
      () => places().reduce((sum, each) => sum + each.collected, 0) === 10,
    );
    expect(names().sort()).toEqual(
      [
        ['first', 3],
        ['first', 1],
        ['look', 1],
        ['then', 5],
      ].sort(),
    );
    expect(places()[0].stack).not.toContain(`${path.sep}lib${path.sep}`);
    expect(places()[0].stack).toMatch(/trace\.test\.js:\d+:\d+\)$/m);
  });

  test('costs nothing when it is off, and leaves all functions as they were', () => {
    const { prototype } = TrackedPointer;
    const before = Object.getOwnPropertyDescriptors(prototype);
    configure({ trace: 1 });
    const thing = create(10);
    expect(prototype.view).not.toBe(before.view.value);
    first(thing);
    configure({ trace: 0 });
    first(thing);
    expect(Object.getOwnPropertyDescriptors(prototype)).toEqual(before);
    thing.dispose();
  });
});

test('a sample stands for the rest', () => {
  configure({ trace: 0.1 });
  const pointers = [];
  for (let i = 0; i < 20_000; i++) pointers.push(track(1n, { size: 100, free: null, label: 'sampled' }));
  const [{ bytes, samples, pointers: count }] = tracesOf('sampled');
  expect(count).toBe(samples * 10);
  expect(bytes).toBe(samples * 1000);
  // 2000 are expected, with a standard deviation of 42.
  expect(samples).toBeGreaterThan(1700);
  expect(samples).toBeLessThan(2300);
  for (const pointer of pointers) pointer.dispose();
});

test('large pointers are traced all, and stand for themselves', () => {
  configure({ trace: Number.MIN_VALUE });
  const pointers = [make(MIB, 'large'), make(MIB - 1, 'large')];
  expect(tracesOf('large')).toMatchObject([{ bytes: MIB, pointers: 1, samples: 1 }]);
  for (const pointer of pointers) pointer.dispose();
});

test('destructors, parents and types are those of the pointer', () => {
  configure({ trace: 1 });
  const freed = [];
  const parent = make(10, 'whole', { free: (address) => (freed.push(address), things.free(address)) });
  const { address } = parent;
  const child = track(things.makeChild(address, 5), { size: 5, free: FREE, label: 'whole', parent });
  parent.dispose();
  expect(freed).toEqual([]);
  child.dispose();
  expect(freed).toEqual([address]);

  const owning = withOwnership(koffi);
  const library = owning.load(counting);
  owning.opaque('TracedThing');
  owning.owned('OwnedTracedThing', 'TracedThing *', { free: 'thing_free', size: 10 });
  const create = library.func('OwnedTracedThing thing_new(size_t bytes)');
  const value = library.func('int64_t thing_id(TracedThing *thing)');
  const thing = create(10);
  expect(Number(value(thing))).toBeGreaterThan(0);
  expect(tracesOf('OwnedTracedThing')).toMatchObject([{ bytes: 10, pointers: 1 }]);
  expect(tracesOf('OwnedTracedThing')[0].stack.split('\n')[0]).toContain('trace.test.js');
  library.func('void thing_free(OwnedTracedThing thing)')(thing);
  expect(thing.disposed).toBe(true);
  expect(counters()).toMatchObject({ ...faultless, live: 0 });
});

test('without memory for another kind, the pointer is tracked as if it were not traced', () => {
  jest.isolateModules(() => {
    const copy = require('../../lib');
    const own = require('../../lib/binding');
    const keep = () => copy.track(things.make(10), { size: 10, free: FREE, label: 'no memory' });
    keep().dispose();
    copy.configure({ trace: 1 });
    own.addKind = () => -1;
    const pointer = keep();
    expect(copy.stats()).toMatchObject({ pointers: 1, bytes: 10, traces: [] });
    pointer.dispose();
  });
});

test('the checked mode sees them as they are', () => {
  configure({ trace: 1, checked: true });
  const shared = (label) => track(4096n, { size: 1, free: () => {}, label, shared: true });
  const pointers = [shared('checked'), shared('checked')];
  expect(() => track(4096n, { size: 1, free: () => {}, label: 'checked' })).toThrow(
    expect.objectContaining({ code: 'ERR_TALLY_TRACKED_TWICE' }),
  );
  for (const pointer of pointers) pointer.dispose();
  configure({ checked: false });
});

test('Error is as it was', () => {
  configure({ trace: 1 });
  const before = [Error.stackTraceLimit, Error.prepareStackTrace];
  make(10, 'errors').dispose();
  expect([Error.stackTraceLimit, Error.prepareStackTrace]).toEqual(before);
});

test.each([
  [-0.1, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [1.1, 'ERR_TALLY_INVALID_ARG_VALUE'],
  [NaN, 'ERR_TALLY_INVALID_ARG_VALUE'],
  ['1', 'ERR_TALLY_INVALID_ARG_TYPE'],
  [true, 'ERR_TALLY_INVALID_ARG_TYPE'],
])('a share of %p is an error', (trace, code) => {
  expect(() => configure({ trace })).toThrow(expect.objectContaining({ code }));
  expect(configure().trace).toBe(0);
});

inChildren.describe('FFI_TALLY_TRACE', () => {
  const code = `
    const { configure, stats, track } = require('./lib');
    const pointer = track(1n, { size: 5, free: null });
    console.log(JSON.stringify([configure().trace, stats().traces.length]));
  `;

  test.each([
    ['1', [1, 1]],
    ['0', [0, 0]],
    ['', [0, 0]],
  ])('is %p', async (FFI_TALLY_TRACE, expected) => {
    const { stdout, ...rest } = await runChild(code, { env: { FFI_TALLY_TRACE } });
    expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(expected);
  });

  test('is nonsense', async () => {
    const child = await runChild(code, { env: { FFI_TALLY_TRACE: 'yes' } });
    expect(child).toMatchObject({ code: 1, signal: null });
    expect(child.stderr).toContain('ERR_TALLY_INVALID_ARG_VALUE');
    expect(child.stderr).toContain("'FFI_TALLY_TRACE', expected from 0 (off) to 1 (every pointer)");
  });
});

inChildren.test('places in compiled code are told in the source', async () => {
  const source = `
import { configure, stats, track } from 'ffi-tally';

interface Shape {
  bytes: number;
}

configure({ trace: 1 });
const make = ({ bytes }: Shape) =>
  track(1n, { size: bytes, free: null }); // line 10
const kept = make({ bytes: 7 });
console.log(stats().traces[0]!.stack, kept.size);
`;
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true });
  const { outputText, sourceMapText } = ts.transpileModule(source, {
    fileName: 'shape.ts',
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, sourceMap: true },
  });
  fs.writeFileSync(path.join(directory, 'shape.ts'), source);
  fs.writeFileSync(path.join(directory, 'shape.js'), outputText);
  fs.writeFileSync(path.join(directory, 'shape.js.map'), sourceMapText);
  const first = async (execArgv) => {
    // Where Node measures coverage it keeps source maps, as if it had been asked to.
    const env = { NODE_V8_COVERAGE: '' };
    const { stdout, ...rest } = await runChild(path.join(directory, 'shape.js'), { execArgv, env });
    expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
    return stdout.split('\n')[0];
  };
  expect(await first(['--enable-source-maps'])).toBe(
    `    at make (${path.join(directory, 'shape.ts')}:10:8)`,
  );
  expect(await first([])).toMatch(/^ {4}at make \(.*shape\.js:\d+:\d+\)$/);
});
