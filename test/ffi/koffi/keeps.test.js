'use strict';
// What C keeps of its arguments, whatever JavaScript gives: `keeps`, `parent` and `replaces`.

const { promisify } = require('node:util');
const { collect, handOver, stats, track } = require('../../../lib');
const { errorOf, expectBalance, expectRefusal } = require('../../support/balance.js');
const { freedIds } = require('../../support/counting.js');
const { gcUntil } = require('../../support/gc-until.js');
const { counting, declareThings, isKoffi2, koffi, ownedThing, things, unique } = require('./setup.js');
const platform = require('../../support/platform.js');

const library = koffi.load(counting);
const { counters } = things;

beforeEach(things.reset);
afterEach(expectBalance);

const memoryOf = (value) => (ArrayBuffer.isView(value) ? value.buffer : value);

/** Calls `use` with a new value of JavaScript's. Returns { value, result }, where `value` is weakly held. */
function withFresh(make, use) {
  const fresh = make();
  const value = new WeakRef(memoryOf(fresh));
  return { value, result: use(fresh) };
}

/** Whether what is weakly held there is kept. Asked once, after collections that would have taken it. */
async function isKept({ value }) {
  const { value: other } = withFresh(
    () => Buffer.alloc(1000),
    () => undefined,
  );
  await gcUntil('what nobody keeps is collected', () => other.deref() === undefined);
  return value.deref() !== undefined;
}

const isGone = ({ value }) => gcUntil('it is collected', () => value.deref() === undefined);

const MEMORY = [
  ['a Buffer', () => Buffer.alloc(100)],
  ['a small typed array, which begins in the heap of V8', () => new Uint8Array(8)],
  ['a Float64Array over a part', () => new Float64Array(new ArrayBuffer(80), 8, 2)],
  ['an ArrayBuffer', () => new ArrayBuffer(100)],
  // Koffi 2 takes none.
  ...(isKoffi2 ? [] : [['a DataView', () => new DataView(new ArrayBuffer(100))]]),
];

describe('the result keeps', () => {
  // A function of libc that returns its argument, whatever it is.
  const libc = koffi.load(platform.libc);
  const PROTOTYPE = 'void *memchr(const void *memory, int byte, size_t size)';
  const CLASSIC = ['memchr', 'void *', ['const void *', 'int', 'size_t']];

  describe.each([
    ['in a prototype', [PROTOTYPE]],
    ['in the classic form', CLASSIC],
  ])('%s', (_, declaration) => {
    test.each(MEMORY)('%s', async (__, make) => {
      const find = libc.func(...declaration, { keeps: 0 });
      const found = withFresh(make, (memory) => find(memory, 0, 1));
      expect(await isKept(found)).toBe(true);
      found.result.dispose();
      await isGone(found);
    });

    test('until it is collected', async () => {
      const find = libc.func(...declaration, { keeps: 0 });
      const found = withFresh(
        () => Buffer.alloc(100),
        (memory) => find(memory, 0, 1),
      );
      expect(await isKept(found)).toBe(true);
      delete found.result;
      await isGone(found);
    });

    test('on another thread', async () => {
      const find = promisify(libc.func(...declaration, { keeps: 0 }).async);
      const found = withFresh(
        () => Buffer.alloc(100),
        (memory) => find(memory, 0, 1),
      );
      found.result = await found.result;
      expect(await isKept(found)).toBe(true);
      found.result.dispose();
      await isGone(found);
    });
  });

  test('by the parent of an owned type', async () => {
    const Found = unique('Found');
    koffi.owned(Found, 'void *', { free: null, size: 0, parent: 0 });
    const find = libc.func(`${Found} memchr(const void *memory, int byte, size_t size)`);
    const found = withFresh(
      () => Buffer.alloc(100),
      (memory) => find(memory, 0, 1),
    );
    expect(await isKept(found)).toBe(true);
    found.result.dispose();
    await isGone(found);
  });

  test('what the function for its parent returns, also several', async () => {
    const memory = { first: Buffer.alloc(100), second: new ArrayBuffer(100) };
    const refs = Object.values(memory).map((value) => ({ value: new WeakRef(memoryOf(value)) }));
    const find = libc.func(PROTOTYPE, { free: null, size: 0, parent: () => [memory.first, memory.second] });
    const found = find(Buffer.alloc(10), 0, 1);
    delete memory.first;
    delete memory.second;
    for (const ref of refs) expect(await isKept(ref)).toBe(true);
    found.dispose();
    for (const ref of refs) await isGone(ref);
  });

  (stats().backend === 'javascript' ? test.skip : test)('a view, and with it the pointer', async () => {
    const { make } = declareThings();
    const find = libc.func(PROTOTYPE, { keeps: 0 });
    const found = (() => {
      const thing = make(100);
      const found = find(Buffer.from(thing.view()), 0, 100);
      thing.dispose();
      return found;
    })();
    await gcUntil('others are collected', () => true);
    collect();
    expect(counters()).toMatchObject({ live: 1, freed: 0 });
    found?.dispose();
    await gcUntil('the view is collected', () => counters().live === 0);
  });

  test('nothing, of NULL, an address, or where C returns NULL', () => {
    const find = libc.func(PROTOTYPE, { keeps: 0 });
    const address = things.make(100);
    find(address, 0, 0)?.dispose();
    find(address, 0, 100)?.dispose();
    expect(find(Buffer.alloc(10), 1, 10)).toBe(null);
    things.free(address);
  });

  test('until its destructor has run', async () => {
    const seen = [];
    const found = { value: undefined };
    const find = libc.func(PROTOTYPE, { free: () => seen.push(found.value.deref()), size: 0, keeps: 0 });
    Object.assign(
      found,
      withFresh(
        () => Buffer.alloc(100),
        (memory) => find(memory, 0, 1),
      ),
    );
    delete found.result;
    await gcUntil('it is freed', () => seen.length > 0);
    expect(seen.splice(0)[0]).toBeInstanceOf(ArrayBuffer);
    await isGone(found);
  });

  test.each([
    ['a string', 'text'],
    ['an array', [1, 2, 3]],
    ['an object', { x: 1 }],
  ])('no copy: %s', (_, value) => {
    const find = libc.func(PROTOTYPE, { keeps: 0 });
    const error = expectRefusal(() => find(value, 0, 1), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
    expect(error.message).toContain('argument 0 of memchr()');
    expect(error.message).toContain('a Buffer');
  });

  test('what it needs, and so cannot be handed over', () => {
    const find = libc.func(PROTOTYPE, { keeps: 0 });
    const found = find(Buffer.alloc(10), 0, 1);
    expectRefusal(() => handOver(found), TypeError, 'ERR_TALLY_UNSUPPORTED');
    found.dispose();
  });
});

describe('an argument keeps', () => {
  const CALL = 'int thing_act(const char *script, void *a, void *b, uint64_t c, uint64_t d)';

  const act = (options) => library.func(CALL, options);

  test.each(MEMORY)('%s', async (_, make) => {
    const { make: makeThing } = declareThings();
    const set = act({ keeps: { 1: 2 } });
    const thing = makeThing(10);
    const kept = withFresh(make, (memory) => set('>', thing, memory, 0, 0));
    expect(await isKept(kept)).toBe(true);
    thing.dispose();
    await isGone(kept);
  });

  test('a pointer, which is freed after it', async () => {
    const { make, T } = declareThings();
    const set = act({ keeps: { 1: [2] } });
    const id = library.func(`int64_t thing_id(${T} *thing)`);
    const [keeper, kept] = [make(10), make(20)];
    const keptId = id(kept);
    set('>', keeper, kept, 0, 0);
    kept.dispose();
    expect(counters()).toMatchObject({ live: 2, freed: 0 });
    keeper.dispose();
    expect(counters()).toMatchObject({ live: 0, freed: 2 });
    expect(freedIds().at(-1)).toBe(Number(keptId));
  });

  test('the same one once', () => {
    const { make } = declareThings();
    const set = act({ keeps: { 1: 2 } });
    const [keeper, kept] = [make(10), make(20)];
    for (let i = 0; i < 100; i++) set('>', keeper, kept, 0, 0);
    kept.dispose();
    expect(counters()).toMatchObject({ live: 2 });
    keeper.dispose();
    expect(counters()).toMatchObject({ live: 0 });
  });

  test('thousands', () => {
    const { make } = declareThings();
    const set = act({ keeps: { 1: 2 } });
    const keeper = make(10);
    for (let i = 0; i < 3000; i++) {
      const kept = make(20);
      set('>', keeper, kept, 0, 0);
      kept.dispose();
    }
    expect(counters()).toMatchObject({ live: 3001 });
    keeper.dispose();
    expect(counters()).toMatchObject({ live: 0, freed: 3001 });
  });

  test('a callback, until it is replaced', async () => {
    const { make } = declareThings();
    const name = unique('Callback');
    koffi.proto(`int ${name}(void *thing, int value)`);
    const register = (result) => koffi.register(() => result, `${name} *`, { owned: true });
    const set = library.func('thing_act', 'int', ['const char *', 'void *', `${name} *`], {
      keeps: { 1: 2 },
      replaces: true,
    });
    const thing = make(10);
    const callbacks = () =>
      stats().accounts.find(({ label }) => label === `callback ${name} *`)?.pointers ?? 0;
    for (let i = 0; i < 5; i++) (() => set('>', thing, register(i)))();
    await gcUntil('the others are unregistered', () => callbacks() === 1);
    set('>', thing, null);
    await gcUntil('the last is unregistered', () => callbacks() === 0);
    thing.dispose();
  });

  test('what replaces what is told by arguments', async () => {
    const { make } = declareThings();
    const set = act({ keeps: { 1: 2 }, replaces: 3 });
    const thing = make(10);
    const bind = (index) =>
      withFresh(
        () => Buffer.alloc(100),
        (memory) => set('>', thing, memory, index, 0),
      );
    const [first, second] = [bind(1), bind(2)];
    const third = bind(1);
    await isGone(first);
    expect(await isKept(second)).toBe(true);
    expect(await isKept(third)).toBe(true);
    set('>', thing, null, 2, 0);
    await isGone(second);
    expect(await isKept(third)).toBe(true);
    thing.dispose();
    await isGone(third);
  });

  test('on another thread', async () => {
    const { make } = declareThings();
    const set = promisify(act({ keeps: { 1: 2 }, replaces: true }).async);
    const thing = make(10);
    const first = withFresh(
      () => Buffer.alloc(100),
      (memory) => set('>', thing, memory, 0, 0),
    );
    await first.result;
    expect(await isKept(first)).toBe(true);
    const second = withFresh(
      () => Buffer.alloc(100),
      (memory) => set('>', thing, memory, 0, 0),
    );
    await second.result;
    await isGone(first);
    expect(await isKept(second)).toBe(true);
    thing.dispose();
    await isGone(second);
  });

  test('of calls at the same time all, whichever ends last, until a later call', async () => {
    const sum = library.func('int64_t bytes_sum_slow(const uint8_t *bytes, size_t length, int ms)', {
      ...{ keeps: { forever: 0 }, replaces: true },
    });
    const wake = library.func('void wake_one()');
    const begin = (ms) =>
      withFresh(
        () => Buffer.alloc(100),
        (memory) => promisify(sum.async)(memory, 100, ms),
      );
    const first = begin(-1);
    const second = begin(0);
    await second.result;
    expect(await isKept(second)).toBe(true);
    wake();
    await first.result;
    expect([await isKept(first), await isKept(second)]).toEqual([true, true]);
    const third = begin(0);
    await third.result;
    await isGone(first);
    await isGone(second);
    expect(await isKept(third)).toBe(true);
    sum(null, 0, 0);
    await isGone(third);
  });

  test('nothing of a call that is refused', async () => {
    const { make } = declareThings();
    const set = act({ keeps: { 1: 2 }, replaces: true });
    const thing = make(10);
    const kept = withFresh(
      () => Buffer.alloc(100),
      (memory) => set('>', thing, memory, 0, 0),
    );
    const refused = withFresh(
      () => Buffer.alloc(100),
      (memory) => errorOf(() => set('>', thing, memory, 'no number', 0)).name,
    );
    expect(refused.result).toBe('TypeError');
    await isGone(refused);
    expect(await isKept(kept)).toBe(true);
    thing.dispose();
    await isGone(kept);
  });

  test('only if it is a tracked pointer', () => {
    const set = act({ keeps: { 1: 2 } });
    for (const keeper of [null, 1n, Buffer.alloc(10)]) {
      const error = expectRefusal(
        () => set('>', keeper, Buffer.alloc(10), 0, 0),
        TypeError,
        'ERR_TALLY_INVALID_ARG_TYPE',
      );
      expect(error.message).toContain('argument 1 of thing_act()');
      expect(set('>', keeper, null, 0, 0)).toBeDefined();
    }
  });

  test('no pointer that keeps it', () => {
    const { make } = declareThings();
    const set = act({ keeps: { 1: 2 } });
    const [first, second, third] = [make(10), make(20), make(30)];
    set('>', first, second, 0, 0);
    set('>', second, third, 0, 0);
    const error = expectRefusal(() => set('>', third, first, 0, 0), TypeError, 'ERR_TALLY_UNSUPPORTED');
    expect(error.message).toContain('neither could be freed');
    set('>', first, third, 0, 0);
    set('>', first, first, 0, 0);
    for (const each of [third, second, first]) each.dispose();
  });

  test('what C stores keeps', async () => {
    const { Owned } = ownedThing();
    const make = library.func(`void thing_act(const char *script, _Out_ ${Owned} *out, void *memory)`, {
      keeps: { 1: 2 },
    });
    const out = [null];
    const kept = withFresh(
      () => Buffer.alloc(100),
      (memory) => make('o>', out, memory),
    );
    expect(await isKept(kept)).toBe(true);
    out[0].dispose();
    await isGone(kept);
  });

  test('for ever', async () => {
    const set = act({ keeps: { forever: 2 }, replaces: true });
    const kept = withFresh(
      () => Buffer.alloc(100),
      (memory) => set('>', null, memory, 0, 0),
    );
    expect(await isKept(kept)).toBe(true);
    const { make } = declareThings();
    const thing = make(10);
    set('>', null, thing, 0, 0);
    await isGone(kept);
    thing.dispose();
    expect(counters()).toMatchObject({ live: 1 });
    set('>', null, null, 0, 0);
    await gcUntil('it is freed', () => counters().live === 0);
  });

  test('what is not known when the function is declared', async () => {
    const T = unique('Late');
    koffi.opaque(T);
    const set = library.func(`int thing_act(const char *script, ${T} *a, void *b, uint64_t c, uint64_t d)`, {
      keeps: { 1: 2 },
    });
    const Owned = unique('Owned');
    koffi.owned(Owned, `${T} *`, { free: 'thing_free', size: 10 });
    const thing = library.func(`${Owned} thing_new(size_t bytes)`)(10);
    const kept = withFresh(
      () => Buffer.alloc(100),
      (memory) => set('>', thing, memory, 0, 0),
    );
    expect(await isKept(kept)).toBe(true);
    thing.dispose();
    await isGone(kept);
  });

  test('what was released keeps nothing', async () => {
    const { make } = declareThings();
    const set = act({ keeps: { 1: 2 } });
    const thing = make(10);
    const kept = withFresh(
      () => Buffer.alloc(100),
      (memory) => set('>', thing, memory, 0, 0),
    );
    const address = thing.release();
    await isGone(kept);
    things.free(address);
  });
});

describe('several parents', () => {
  function family() {
    const { T, make } = declareThings({ free: 'parent_free' });
    const CALL = `${T} *child_new(${T} *parent, size_t bytes)`;
    return { T, make, CALL };
  }

  test('all of them are freed after the child', () => {
    const { make, CALL } = family();
    const mothers = [make(10), make(10), make(10)];
    const childNew = library.func(CALL, { free: 'child_free', size: 10, parent: () => mothers });
    const child = childNew(mothers[0], 10);
    for (const mother of mothers) mother.dispose();
    expect(counters()).toMatchObject({ live: 4, freed: 0 });
    child.dispose();
    expect(counters()).toMatchObject({ live: 0, freed: 4, orphans: 0 });
  });

  test('by their numbers, of what C stores', () => {
    const { T, make } = family();
    const { Owned } = ownedThing({ parent: [1, 2], size: 1 });
    const link = library.func(`void thing_act(const char *script, ${T} *a, ${T} *b, _Out_ ${Owned} *out)`);
    const [first, second, out] = [make(1), make(2), [null]];
    link('bbo>', first, second, out);
    first.dispose();
    second.dispose();
    expect(counters()).toMatchObject({ live: 3, freed: 0 });
    out[0].dispose();
    expect(counters()).toMatchObject({ live: 0, freed: 3 });
  });

  test('a parent of track(), several, and memory', async () => {
    const [first, second] = [things.make(10), things.make(10)].map((address) =>
      track(address, { size: 10, free: things.symbol('thing_free') }),
    );
    const kept = withFresh(
      () => Buffer.alloc(100),
      (memory) =>
        track(things.make(5), {
          size: 5,
          free: things.symbol('thing_free'),
          parent: [first, second, memory],
        }),
    );
    first.dispose();
    second.dispose();
    expect(counters()).toMatchObject({ live: 3 });
    expect(await isKept(kept)).toBe(true);
    kept.result.dispose();
    expect(counters()).toMatchObject({ live: 0 });
    await isGone(kept);
  });
});

describe('is refused at the declaration', () => {
  const CALL = 'void *thing_act(const char *script, void *a, void *b, uint64_t c, uint64_t d)';
  test.each([
    ['a string', { keeps: { 1: 0 } }, 'ERR_TALLY_UNSUPPORTED'],
    ['a number', { keeps: { 1: 3 } }, 'ERR_TALLY_UNSUPPORTED'],
    ['a keeper that is none', { keeps: { 3: 1 } }, 'ERR_TALLY_UNSUPPORTED'],
    ['itself', { keeps: { 1: [1] } }, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['no argument', { keeps: { 1: 5 } }, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['no keeper', { keeps: { 5: 1 } }, 'ERR_TALLY_UNKNOWN_OPTION'],
    ['another keeper', { keeps: { library: 1 } }, 'ERR_TALLY_UNKNOWN_OPTION'],
    ['what belongs beside it', { keeps: { 1: 2, replaces: () => 1 } }, 'ERR_TALLY_UNKNOWN_OPTION'],
    ['nothing', { keeps: {} }, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['none', { keeps: [] }, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['none by one', { keeps: { 1: [] } }, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['text', { keeps: 'result' }, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['replaces alone', { replaces: true }, 'ERR_TALLY_UNSUPPORTED'],
    ['replaces for a result', { keeps: 1, replaces: true }, 'ERR_TALLY_UNSUPPORTED'],
    ['replaces by a pointer', { keeps: { 1: 2 }, replaces: 2 }, 'ERR_TALLY_UNSUPPORTED'],
    ['replaces false', { keeps: { 1: 2 }, replaces: false }, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['replaces by no argument', { keeps: { 1: 2 }, replaces: 9 }, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['a parent twice', { keeps: 1, parent: 1, free: 'thing_free', size: 1 }, 'ERR_TALLY_UNSUPPORTED'],
  ])('%s', (_, options, code) => {
    expectRefusal(() => library.func(CALL, options), Error, code);
  });

  test('replaces for what C stores', () => {
    const { Owned } = ownedThing();
    const prototype = `void thing_act(const char *script, _Out_ ${Owned} *out, void *memory)`;
    const options = { keeps: { 1: 2 }, replaces: true };
    expectRefusal(() => library.func(prototype, options), TypeError, 'ERR_TALLY_UNSUPPORTED');
  });

  test('what C takes, or has taken', () => {
    const { Owned } = ownedThing();
    const prototype = `void *thing_act(const char *script, ${Owned} a, void *b, uint64_t c, uint64_t d)`;
    expectRefusal(() => library.func(prototype, { keeps: { 1: 2 } }), TypeError, 'ERR_TALLY_UNSUPPORTED');
    expectRefusal(() => library.func(prototype, { keeps: { 2: 1 } }), TypeError, 'ERR_TALLY_UNSUPPORTED');
  });

  test('a parent that is no pointer', () => {
    const { Owned } = ownedThing({ parent: 0 });
    expectRefusal(() => library.func(`${Owned} thing_new(size_t bytes)`), TypeError, 'ERR_TALLY_UNSUPPORTED');
    expectRefusal(
      () => library.func(`int thing_make(_Out_ ${Owned} *out, size_t bytes)`),
      TypeError,
      'ERR_TALLY_UNSUPPORTED',
    );
  });
});
