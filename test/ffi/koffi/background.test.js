'use strict';
// Destructors that run on another thread: `background`.

const { POINTER, SIZE, collect, configure, stats, track } = require('../../../lib');
const binding = require('../../../lib/binding');
const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { runChild } = require('../../support/child.js');
const { gcUntil } = require('../../support/gc-until.js');
const { ended } = require('../../support/workers.js');
const { counting, declareThings, koffi, koffiName, ownedThing, things, unique } = require('./setup.js');

const library = koffi.load(counting);
const wake = library.func('void wake_one()');
const { counters } = things;

const { budget, limit } = configure();
beforeEach(things.reset);
afterEach(() => void configure({ budget, limit }));
afterEach(expectBalance);

const describeBackground = binding.hasBackground ? describe : describe.skip;
const isFreed = (count) => gcUntil(`${count} are freed`, () => counters().freed === count);
const nothingLeft = () => gcUntil('it is noticed', () => stats().pointers === 0);
const WOKEN = { free: 'thing_free_woken', size: 100, background: true };

describeBackground('background', () => {
  test.each([
    ['of an owned type', () => declareThings(WOKEN).make],
    ['of one function', () => library.func('void *thing_new(size_t bytes)', WOKEN)],
  ])('%s: dispose() returns, and the bytes stay until it is freed', async (_, declare) => {
    const make = declare();
    const thing = make(100);
    thing.dispose();
    expect([thing.disposed, counters().freed, stats().bytes]).toEqual([true, 0, 100]);
    expect(stats().dead).toEqual({ bytes: 100, pointers: 1 });
    (() => make(100))();
    collect();
    expect([counters().freed, stats().dead.pointers]).toEqual([0, 2]);
    wake();
    await isFreed(1);
    wake();
    await isFreed(2);
    await nothingLeft();
    expect(stats().accounts.find(({ label }) => label === thing.label)).toMatchObject({
      ...{ disposed: 1, collected: 1, failed: 0 },
    });
  });

  test('in a call, by hand, with arguments, and what is handed on', async () => {
    const { T, make } = declareThings({
      ...{ free: 'thing_free_slow', background: true, size: 10 },
    });
    const call = library.func(`int thing_call(${T} *thing, ${callbackType()} *callback, int value)`);
    const other = make(10);
    const thing = make(10);
    call(thing, () => (other.dispose(), 0), 1);
    library.func(`void thing_free_slow(${T} *thing)`)(thing);
    await isFreed(2);
    if (binding.canBind) {
      const free = { symbol: 'thing_free_sized', args: [POINTER, SIZE] };
      for (let i = 0; i < 50; i++) declareThings({ free, size: 10, background: true }).make(10).dispose();
      await isFreed(52);
    }
    await nothingLeft();
  });

  const callbackType = () => {
    const name = unique('Callback');
    koffi.proto(`int ${name}(void *thing, int value)`);
    return name;
  };

  test('a parent is freed after it, and so is what it keeps', async () => {
    const { T, make } = declareThings();
    const { Owned } = ownedThing({ ...WOKEN, parent: 0 });
    const create = library.func(`${Owned} child_new(${T} *parent, size_t bytes)`);
    const parent = make(10);
    const children = [create(parent, 10), create(parent, 10)];
    parent.dispose({ children: true });
    expect([children[0].disposed, counters().freed]).toEqual([true, 0]);
    wake();
    await isFreed(1);
    wake();
    await isFreed(3);
    await nothingLeft();
    expect(counters()).toMatchObject({ freed: 3, orphans: 0 });
  });

  test('one that another holds is freed in the background when that lets go', async () => {
    const { make } = declareThings({ free: 'thing_free_slow', size: 10, background: true });
    const parent = make(10);
    const child = track(1n, { size: 0, free: null, parent });
    parent.dispose();
    child.dispose();
    await isFreed(1);
    await nothingLeft();
  });

  test('a limit waits for what is queued', async () => {
    const { make } = declareThings({ free: 'thing_free_slow', size: 600, background: true });
    configure({ limit: stats().bytes + 1000 });
    const { collections } = stats();
    for (let i = 0; i < 20; i++) make(10).dispose();
    expect(stats().collections).toEqual(collections);
    for (let i = 0; i < 20; i++) (() => make(10))(); // garbage, which a collection finds
    configure({ limit });
    collect();
    await isFreed(40);
    await nothingLeft();
  });

  test('more than the budget is not queued: it is freed where it ends', async () => {
    configure({ budget: 1000, growth: Number.MIN_VALUE });
    const waiting = declareThings({ ...WOKEN, size: 2 ** 30 }).make(10);
    const next = declareThings({ free: 'thing_free', size: 10, background: true }).make(10);
    waiting.dispose();
    next.dispose();
    expect(counters().freed).toBe(1);
    wake();
    await nothingLeft();
  });

  test('a worker that ends, whatever is queued, frees all', async () => {
    await ended(
      `
      const { withOwnership } = require('./lib/ffi/koffi');
      const koffi = withOwnership(require('${koffiName}'));
      const { counting } = require('./test/support/counting.js');
      koffi.opaque('BackgroundThing');
      const options = { free: 'thing_free_slow', size: 10, background: true };
      koffi.owned('BackgroundOwned', 'BackgroundThing *', options);
      const make = koffi.load(counting).func('BackgroundOwned thing_new(size_t bytes)');
      globalThis.kept = [];
      for (let i = 0; i < 20; i++) (i % 2 === 0 ? make(10).dispose() : kept.push(make(10)));
      `,
      `await Promise.all([start().ended, start().ended]);`,
      { made: 40, freed: 40 },
    );
  });

  test.each([
    ['skip', 'ends', ''],
    ['skip', 'exits', 'process.exit();'],
    ['free', 'exits', 'process.exit();'],
    ['skip', 'disposes at its exit', `setTimeout(process.exit, 100); // and dispose`],
    ['skip', 'ends after some turns of the event loop', `setTimeout(() => {}, 6);`],
    ['skip', 'throws', `throw new Error('expected');`],
  ])('a process (%s) that %s runs what is queued', async (atExit, _, end) => {
    const { code, signal, stdout } = await runChild(`
      const { configure } = require('./lib');
      const { withOwnership } = require('./lib/ffi/koffi');
      const koffi = withOwnership(require('${koffiName}'));
      const { counting, counters } = require('./test/support/counting.js');
      configure({ atExit: '${atExit}' });
      koffi.opaque('Thing');
      koffi.owned('Owned', 'Thing *', { free: 'thing_free_slow', size: 10, background: true });
      const make = koffi.load(counting).func('Owned thing_new(size_t bytes)');
      globalThis.kept = [];
      for (let i = 0; i < 20; i++) (i % 2 === 0 ? make(10).dispose() : kept.push(make(10)));
      ${end.includes('dispose') ? `process.on('exit', () => kept[0].dispose());` : ''}
      process.on('exit', () => console.log(counters().freed, counters().late_frees));
      ${end}
    `);
    expect(signal).toBe(null);
    expect(stdout.trim()).toBe(`${end.includes('dispose') ? 11 : 10} 0`);
    expect(code).toBe(end.includes('throw') ? 1 : 0);
  });

  const unsupported = [TypeError, 'ERR_TALLY_UNSUPPORTED'];
  test.each([
    ['a destructor in JavaScript', { free: () => {} }],
    ['none', { free: null }],
    ['a destructor that says whether it has freed', { free: { symbol: 'thing_close', ok: 0 } }],
    ['sameThread', { sameThread: true }],
    ['exclusive', { exclusive: true, parent: 0 }],
  ])('%s is refused', (_, options) => {
    expectRefusal(() => ownedThing({ size: 10, background: true, ...options }), ...unsupported);
    const { parent, ...one } = options; // eslint-disable-line no-unused-vars
    const declare = () =>
      library.func('void *thing_new(size_t bytes)', {
        free: 'thing_free',
        size: 1,
        background: true,
        ...one,
      });
    expectRefusal(declare, ...unsupported);
  });

  test('no boolean, and no destructor', () => {
    expectRefusal(() => ownedThing({ background: 1 }), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
    const declare = () => library.func('void *thing_new(size_t bytes)', { background: true });
    expectRefusal(declare, ...unsupported);
  });
});

(binding.hasBackground ? test.skip : test)('without the native part it is refused', () => {
  expectRefusal(() => ownedThing(WOKEN), TypeError, 'ERR_TALLY_UNSUPPORTED');
});
