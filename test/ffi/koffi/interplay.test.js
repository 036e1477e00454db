'use strict';
// Where two of the ways to say ownership meet.

const { ADDRESS_OF, collect, stats, track } = require('../../../lib');
const binding = require('../../../lib/binding');
const { errorOf, expectBalance } = require('../../support/balance.js');
const { runChild } = require('../../support/child.js');
const inChildren = require('../../support/in-children.js');
const { gcUntil } = require('../../support/gc-until.js');
const platform = require('../../support/platform.js');
const { times } = require('../../support/whole.js');
const { counting, declareThings, isKoffi2, koffi, ownedThing, things, unique } = require('./setup.js');

const library = koffi.load(counting);
const libc = koffi.load(platform.libc);
const { counters } = things;
const FREE = isKoffi2 ? library.symbol('thing_free', 'void *') : library.symbol('thing_free');
const testBound = binding.canBind ? test : test.skip;
const testKoffi3 = isKoffi2 ? test.skip : test;

beforeEach(things.reset);
afterEach(expectBalance);

/** Calls `use` with a new Buffer. Returns it, weakly held. */
function withBuffer(use) {
  const buffer = Buffer.alloc(1000);
  use(buffer);
  return new WeakRef(buffer.buffer);
}

/** Whether what is weakly held there is still there after collections that take what nobody keeps. */
async function isKept(reference) {
  const other = withBuffer(() => {});
  await gcUntil('what nobody keeps is collected', () => other.deref() === undefined);
  return reference.deref() !== undefined;
}

describe('a destructor that is called by hand through a function pointer', () => {
  const prototype = () => koffi.proto(`void ${unique('Free')}(void *thing)`);
  const called = {
    'koffi.call()': (thing) => koffi.call(FREE, prototype(), thing),
    'koffi.decode()': (thing) => koffi.decode(FREE, prototype())(thing),
  };

  test.each(Object.entries(called))('by %s: the pointer has ended', (_, free) => {
    const { make } = declareThings();
    const thing = make(10);
    free(thing);
    expect(thing.disposed).toBe(true);
    thing.dispose();
    expect(counters()).toMatchObject({ made: 1, freed: 1, double_frees: 0 });
  });

  test('of track(), where nothing else is owned', () => {
    const thing = track(things.make(10), { size: 10, free: things.FREE });
    koffi.call(FREE, prototype(), thing);
    expect(thing.disposed).toBe(true);
    expect(counters()).toMatchObject({ made: 1, freed: 1, double_frees: 0 });
  });
});

test('a parent that the size function of its child disposes of waits for the child', () => {
  const { make } = declareThings();
  const interior = library.func('void *thing_interior(void *thing, size_t offset)', {
    free: null,
    keeps: 0,
    size(address, thing) {
      thing.dispose();
      return 8;
    },
  });
  const thing = make(16);
  const inside = interior(thing, 4);
  expect([thing.disposed, counters().freed]).toEqual([true, 0]);
  inside.dispose();
  expect(counters().freed).toBe(1);
});

test('pointers that C moves in an array, and does not take, are the same ones', () => {
  const { Owned, make } = declareThings({ free: things.FREE, size: 10 });
  const compare = unique('Compare');
  koffi.proto(`int ${compare}(const void *a, const void *b)`);
  const sort = libc.func(
    `void qsort(_Inout_ ${Owned} *base, size_t count, size_t size, ${compare} *compare)`,
    {
      takes: () => false,
    },
  );
  const [a, b] = [make(10), make(10)];
  const box = [a, b];
  sort(box, 2, 8, () => 1);
  expect(new Set(box)).toEqual(new Set([a, b]));
  a.dispose();
  b.dispose();
  expect(counters()).toMatchObject({ made: 2, freed: 2, double_frees: 0 });
});

testBound('what C frees through an array, where it is not declared as _Inout_, is refused', () => {
  const { T, Owned } = ownedThing({ free: { symbol: 'thing_freep', args: [ADDRESS_OF] } });
  const thing = library.func(`${Owned} thing_new(size_t bytes)`)(10);
  const free = library.func(`void thing_freep(${T} **thing)`);
  expect(errorOf(() => free([thing]))).toMatchObject({ code: 'ERR_TALLY_UNSUPPORTED' });
  expect(thing.disposed).toBe(false);
  thing.dispose();
  expect(counters()).toMatchObject({ made: 1, freed: 1 });
});

describe('keeps', () => {
  const act = (keeps, options) =>
    library.func(
      'uint64_t thing_act(const char *script, void *thing, void *other, void *more, uint64_t value)',
      { keeps, ...options },
    );

  test.each([[undefined], [true]])('of a call that throws after C had it, replaces: %p', async (replaces) => {
    const compare = unique('Compare');
    koffi.proto(`int ${compare}(const void *a, const void *b)`);
    const sort = libc.func(`void qsort(void *base, size_t count, size_t size, ${compare} *compare)`, {
      keeps: { forever: 0 },
      ...(replaces && { replaces }),
    });
    const kept = withBuffer((buffer) => {
      const throws = () => {
        throw new Error('on purpose');
      };
      expect(errorOf(() => sort(buffer, 2, 4, throws))?.message).toBe('on purpose');
    });
    expect(await isKept(kept)).toBe(true);
  });

  test('replaces nothing of a call that differs in what only looks alike', async () => {
    const { make } = declareThings();
    const keeper = make(10);
    const set = library.func(
      'uint64_t thing_act(const char *script, const char *name, void *value, void *keeper, uint64_t more)',
      { keeps: { 3: 2 }, replaces: [0, 1] },
    );
    const first = withBuffer((buffer) => set('....>v,x', 'y', buffer, keeper, 0));
    withBuffer((buffer) => set('....>v', 'x,y', buffer, keeper, 0));
    expect(await isKept(first)).toBe(true);
    keeper.dispose();
  });

  test('by two arguments that are the same pointer: neither replaces what the other keeps', async () => {
    const { make } = declareThings();
    const keeper = make(10);
    const set = library.func(
      'uint64_t thing_act(const char *script, void *keeper, void *other, void *value, void *more)',
      { keeps: { 1: 3, 2: 4 }, replaces: 0 },
    );
    const buffers = [];
    buffers.push(
      withBuffer((value) => buffers.push(withBuffer((more) => set('....>v', keeper, keeper, value, more)))),
    );
    expect([await isKept(buffers[0]), await isKept(buffers[1])]).toEqual([true, true]);
    keeper.dispose();
  });

  test('a view of its own memory does not keep a pointer', async () => {
    const { make } = declareThings();
    const keep = act({ 1: 2 });
    (() => {
      const thing = make(100);
      keep('....>v', thing, thing.view(8), null, 0);
    })();
    await gcUntil('it is freed', () => collect() && counters().freed === 1);
  });

  test('for ever, what a pointer has kept that C takes', async () => {
    const { Owned, make } = declareThings();
    const keep = act({ 1: 2 });
    const take = library.func(`int64_t thing_id(${Owned} thing)`); // as list_append() does
    const thing = make(10);
    const { address } = thing;
    const kept = withBuffer((buffer) => keep('....>v', thing, buffer, null, 0));
    take(thing);
    expect(thing.disposed).toBe(true);
    expect(await isKept(kept)).toBe(true);
    things.free(address);
  });
});

describe('a struct', () => {
  const pair = (first = 'void *') => {
    const Pair = unique('Pair');
    koffi.struct(Pair, { first, second: 'void *', ms: 'int' });
    return library.func(`int pair_values(${Pair} *pair)`);
  };

  testKoffi3('with a union in it', () => {
    const { make } = declareThings();
    const U = unique('U');
    koffi.union(U, { pointer: 'void *', number: 'int64_t' });
    const values = pair(U);
    const [a, b] = [make(10), make(10)];
    const union = new koffi.Union(U);
    union.pointer = a.address;
    const expected = values({ first: { pointer: a.address }, second: b.address, ms: 0 });
    expect(values({ first: { pointer: a }, second: b, ms: 0 })).toBe(expected);
    expect(values({ first: union, second: b, ms: 0 })).toBe(expected);
    a.dispose();
    b.dispose();
  });

  test('of a type that contains itself', () => {
    const { make } = declareThings();
    const [Node, List] = ['Node', 'List'].map(unique);
    koffi.struct(koffi.opaque(Node), { data: 'void *', next: `${Node} *`, ms: 'int' });
    koffi.struct(List, { head: Node });
    const find = libc.func(`void *memchr(${List} *list, int byte, size_t size)`);
    const [a, b] = [make(10), make(10)];
    const list = (first, second) => ({
      head: { data: first, next: { data: second, next: null, ms: 0 }, ms: 0 },
    });
    expect(find(list(a, b), 1, 0)).toBe(null);
    a.dispose();
    b.dispose();
  });

  test('given to an asynchronous call: what is no member is not looked at', async () => {
    const { make } = declareThings();
    const values = pair();
    const [a, b, gone] = [make(10), make(10), make(10)];
    gone.dispose();
    const given = {
      first: a,
      second: b,
      ms: 0,
      history: [gone],
    };
    const asked = jest.fn(() => 1);
    Object.defineProperty(given, 'other', { get: asked, enumerable: true });
    const found = await new Promise((resolve, reject) =>
      values.async(given, (error, value) => (error ? reject(error) : resolve(value))),
    );
    expect(found).toBe(values(given));
    expect(asked).not.toHaveBeenCalled();
    a.dispose();
    b.dispose();
  });
});

test('dispose({ children: true }) finds them in a program that has a setter for elements of arrays', () => {
  const parent = track(4096n, { size: 1, free: null });
  const child = track(4097n, { size: 1, free: null, parent });
  Object.defineProperty(Array.prototype, 0, { set() {}, get: () => undefined, configurable: true });
  try {
    parent.dispose({ children: true });
  } finally {
    delete Array.prototype[0];
  }
  expect([parent.disposed, child.disposed, stats().pointers]).toEqual([true, true, 0]);
});

(binding.canBind ? inChildren.test : test.skip)(
  'by hand and by dispose(), wherever the stack ends: each is freed once',
  async () => {
    const child = await runChild('test/programs/ffi/koffi/edge-of-stack.js', {
      args: [String(times(5, 1))],
      execArgv: ['--stack-size=300', '--expose-gc'],
    });
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(JSON.parse(child.stdout)).toEqual({ live: 0, doubles: 0, pointers: 0 });
  },
);
