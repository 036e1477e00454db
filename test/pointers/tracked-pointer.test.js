'use strict';

const v8 = require('node:v8');
const { inspect } = require('node:util');
const { TrackedPointer, collect, stats, track } = require('../../lib');
const binding = require('../../lib/binding');
const { nursery } = require('../../lib/books/nursery');
const { errorOf, expectBalance, expectRefusal } = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const { gc, gcUntil } = require('../support/gc-until.js');
const things = require('../support/things.js');
const { FREE, counters } = things;

beforeEach(things.reset);
afterEach(expectBalance);

const make = (bytes = 100, options = {}) =>
  track(things.make(bytes), { size: bytes, free: FREE, label: 'thing', ...options });

// Small ones wait for their books to be made, large ones and those that JavaScript frees have them at once.
const sorts = [
  ['a small pointer', (options) => make(100, options)],
  ['a small pointer whose books were made', (options) => [make(100, options), stats()][0]],
  ['a large pointer', (options) => make(2 ** 20, options)],
  [
    'a pointer freed by JavaScript',
    (options) => make(100, { free: (address) => things.free(address), ...options }),
  ],
];

/** How often native functions are called by `attempt`, by their names; `prepare` runs right before it. */
function nativeCalls(attempt, prepare = () => {}) {
  const names = Object.keys(binding).filter((name) => typeof binding[name] === 'function');
  const spies = names.map((name) => jest.spyOn(binding, name));
  prepare();
  for (const spy of spies) spy.mockClear();
  try {
    attempt();
    const counts = names.map((name, i) => [name, spies[i].mock.calls.length]);
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

// The first one: the process has not grown.
test('to look at pointers that have no slot yet gives them none', async () => {
  let pointers = [];
  // Where the process has grown, they may get slots at once for a moment.
  await gcUntil('all wait', () => {
    for (const pointer of pointers) pointer.dispose();
    const waiting = nursery.nextIndex;
    pointers = Array.from({ length: 10 }, (_, i) => make(10 + i));
    return nursery.nextIndex === waiting + 10;
  });
  const look = () => {
    expect(pointers.map((pointer) => pointer.size)).toEqual(pointers.map((_, i) => 10 + i));
    JSON.stringify(pointers);
    inspect(pointers);
  };
  expect(nativeCalls(look)).toEqual({});
  stats();
  look(); // now they have
  for (const pointer of pointers) pointer.dispose();
});

describe.each(sorts)('%s', (_, create) => {
  test('says what it is', () => {
    const pointer = create();
    expect(pointer).toBeInstanceOf(TrackedPointer);
    expect(things.id(pointer.address)).toBeGreaterThan(0);
    expect(pointer.size).toBe(counters().live_bytes);
    expect(pointer.label).toBe('thing');
    expect(pointer.disposed).toBe(false);
    pointer.dispose();
  });

  test('dispose() frees at once, and once', () => {
    const pointer = create();
    expect(pointer.dispose()).toBe(undefined);
    expect(counters()).toMatchObject({ live: 0, freed: 1 });
    expect(stats()).toMatchObject({ bytes: 0, pointers: 0 });
    pointer.dispose();
    pointer[Symbol.dispose]();
    collect();
    expect(counters()).toMatchObject({ freed: 1, double_frees: 0 });
  });

  test('is counted as disposed', () => {
    const before = stats().totals;
    create().dispose();
    const { totals } = stats();
    expect(totals.tracked - before.tracked).toBe(1);
    expect(totals.disposed - before.disposed).toBe(1);
    expect(totals.collected - before.collected).toBe(0);
  });

  test('is of no use after its end, by dispose() or by release()', () => {
    for (const end of ['dispose', 'release']) {
      const pointer = create();
      const { address } = pointer;
      pointer[end]();
      expect(pointer.disposed).toBe(true);
      expect(pointer.size).toBe(0);
      expect(pointer.label).toBe('thing');
      for (const use of [() => pointer.address, () => pointer.resize(1), () => pointer.release()]) {
        const error = expectRefusal(use, ReferenceError, 'ERR_TALLY_DISPOSED');
        expect(error.message).toContain('thing');
      }
      expect(() => track(1n, { size: 0, free: null, parent: pointer })).toThrow(ReferenceError);
      pointer.dispose();
      if (end === 'release') things.free(address);
    }
  });

  test('release() gives the pointer away: the charge is returned, nothing is freed', () => {
    const pointer = create();
    const { address } = pointer;
    const before = stats().totals;
    expect(pointer.release()).toBe(address);
    expect(stats()).toMatchObject({ bytes: 0, pointers: 0 });
    expect(stats().totals.released - before.released).toBe(1);
    pointer.dispose();
    collect();
    expect(counters()).toMatchObject({ live: 1, freed: 0 });
    things.free(address);
  });

  test('a released pointer can be tracked again', () => {
    const again = track(create().release(), { size: 1, free: FREE });
    expect(stats().bytes).toBe(1);
    again.dispose();
    expect(counters()).toMatchObject({ live: 0, freed: 1 });
  });

  test('resize() changes what is charged', () => {
    const pointer = create();
    for (const size of [0, 1, 12n, 2 ** 20, 2 ** 40, 5]) {
      expect(pointer.resize(size)).toBe(undefined);
      expect(pointer.size).toBe(Number(size));
      expect(stats()).toMatchObject({ bytes: Number(size), pointers: 1 });
    }
    pointer.dispose();
    expect(stats().bytes).toBe(0);
  });

  test.each([
    [undefined, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['1', TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    [{}, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    [-1, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    [NaN, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    [1.5, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    [2 ** 53, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    [-1n, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  ])('resize(%p) is refused', (bytes, Class, code) => {
    const pointer = create();
    const { size } = pointer;
    expectRefusal(() => pointer.resize(bytes), Class, code);
    expect(pointer.size).toBe(size);
    pointer.dispose();
  });

  test('resize() past what can be counted is refused', () => {
    const pointer = create();
    const { size } = pointer;
    const other = track(1n, { size: 100, free: null });
    expectRefusal(() => pointer.resize(Number.MAX_SAFE_INTEGER), RangeError, 'ERR_TALLY_OVERFLOW');
    expect(pointer.size).toBe(size);
    pointer.resize(Number.MAX_SAFE_INTEGER - 100);
    pointer.resize(size);
    other.dispose();
    pointer.dispose();
  });

  test('Symbol.dispose is dispose', () => {
    expect(TrackedPointer.prototype[Symbol.dispose]).toBe(TrackedPointer.prototype.dispose);
    const pointer = create();
    pointer[Symbol.dispose]();
    expect(counters().freed).toBe(1);
  });

  test('is freed when it is dropped, and counted as collected', () => {
    const before = stats().totals;
    (() => create())();
    const found = collect();
    expect(found.pointers).toBe(1);
    expect(found.bytes).toBeGreaterThanOrEqual(100);
    expect(counters()).toMatchObject({ live: 0, freed: 1 });
    expect(stats().totals.collected - before.collected).toBe(1);
    expect(stats().totals.disposed - before.disposed).toBe(0);
  });

  test('a copy by JSON owns nothing', () => {
    const pointer = create();
    const copy = JSON.parse(JSON.stringify(pointer));
    expect(copy).toEqual({ label: 'thing', size: pointer.size, disposed: false });
    expect(JSON.stringify(pointer)).not.toContain(pointer.address.toString());
    expect(() => track(copy, { size: 1, free: FREE })).toThrow(TypeError);
    expect(stats().pointers).toBe(1);
    pointer.dispose();
    expect(JSON.parse(JSON.stringify(pointer))).toEqual({ label: 'thing', size: 0, disposed: true });
  });

  test('a copy by structuredClone, serialization or spreading owns nothing', () => {
    const pointer = create();
    (() => {
      const copies = [];
      try {
        copies.push(structuredClone(pointer));
      } catch (error) {
        expect(error.name).toBe('DataCloneError');
      }
      copies.push(v8.deserialize(v8.serialize(pointer)), { ...pointer }, Object.assign({}, pointer));
      copies.push(Object.create(pointer), Object.setPrototypeOf({}, TrackedPointer.prototype));
      for (const copy of copies) {
        // A copy is no TrackedPointer, even where it looks like one.
        expect(() => TrackedPointer.prototype.dispose.call(copy)).toThrow();
        expect(() => track(1n, { size: 0, free: null, parent: copy })).toThrow(TypeError);
      }
    })();
    collect();
    expect(counters()).toMatchObject({ live: 1, freed: 0 });
    expect(stats().pointers).toBe(1);
    pointer.dispose();
  });

  test('inspect shows what it is', () => {
    const pointer = create();
    const { address, size } = pointer;
    expect(inspect(pointer)).toBe(`TrackedPointer <thing> { 0x${address.toString(16)} ${size} bytes }`);
    expect(inspect({ nested: { pointer } }, { depth: 0 })).not.toContain('undefined');
    expect(inspect([pointer], { colors: true })).toContain('thing');
    pointer.dispose();
    expect(inspect(pointer)).toBe('TrackedPointer <thing> { disposed }');
  });

  test('its prototype can be inspected, and compared', () => {
    const pointer = create();
    expect(() => inspect(TrackedPointer.prototype)).not.toThrow();
    expect(() => inspect(Object.create(pointer))).not.toThrow();
    pointer.dispose();
  });
});

test('a destructor in JavaScript costs five native calls at most', () => {
  const create = () => track(things.make(10), { size: 10, free: (address) => things.free(address) });
  const pointer = create();
  const prepare = () => {
    collect(); // what V8 has collected would be swept by us, and spies are much garbage
    create().dispose(); // the first looks whether there is room on the stack
  };
  const count = (calls) => Object.values(calls).reduce((sum, some) => sum + some, 0);
  expect(count(nativeCalls(() => pointer.dispose(), prepare))).toBeLessThanOrEqual(5);
  const made = [];
  expect(count(nativeCalls(() => made.push(create()), prepare))).toBeLessThanOrEqual(2);
  made[0].dispose();
});

test('using', async () => {
  // Older engines do not parse it.
  const child = await runChild(`
    const { track } = require('./lib');
    const things = require('./test/support/things.js');
    const run = (code) => new Function('make', code)(() => track(things.make(10), { size: 10, free: things.FREE }));
    let modern = true;
    try { new Function('{ using x = null; }'); } catch { modern = false; }
    try {
      if (modern) run('using pointer = make(); throw new Error("on purpose");');
      else { const p = run('return make()'); p[Symbol.dispose](); }
    } catch (error) { if (error.message !== 'on purpose') throw error; }
    console.log(JSON.stringify(things.counters()));
  `);
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  expect(JSON.parse(child.stdout)).toMatchObject({ made: 1, freed: 1, live: 0 });
});

describe('parents', () => {
  const makeChild = (parent, bytes = 50, options = {}) =>
    track(things.makeChild(parent.address, bytes), {
      size: bytes,
      free: FREE,
      label: 'child',
      parent,
      ...options,
    });
  const byJavaScript = { free: (address) => things.free(address) };

  test('dispose() of a parent waits for its last child', () => {
    const parent = make();
    const [first, second] = [makeChild(parent), makeChild(parent)];
    parent.dispose();
    expect(parent.disposed).toBe(true);
    expect(counters()).toMatchObject({ freed: 0, live: 3 });
    expect(stats()).toMatchObject({ pointers: 3, bytes: 200, dead: { pointers: 1, bytes: 100 } });
    first.dispose();
    expect(counters().freed).toBe(1);
    second.dispose();
    expect(counters()).toMatchObject({ freed: 3, orphans: 0 });
    expect(stats()).toMatchObject({ pointers: 0, bytes: 0, dead: { pointers: 0, bytes: 0 } });
  });

  test('a child may go first', () => {
    const parent = make();
    makeChild(parent).dispose();
    expect(counters().freed).toBe(1);
    expect(parent.disposed).toBe(false);
    parent.dispose();
    expect(counters().freed).toBe(2);
  });

  test('a parent that is disposed while a child lives is freed after the child is collected', () => {
    const parent = make();
    (() => makeChild(parent))();
    parent.dispose();
    expect(counters().freed).toBe(0);
    collect();
    expect(counters()).toMatchObject({ freed: 2, orphans: 0 });
  });

  test('a parent that was dropped stays while a child lives', () => {
    const child = (() => makeChild(make()))();
    collect();
    collect();
    expect(counters()).toMatchObject({ live: 2, freed: 0 });
    expect(stats().dead).toEqual({ pointers: 1, bytes: 100 });
    child.dispose();
    expect(counters()).toMatchObject({ live: 0, freed: 2, orphans: 0 });
  });

  const endings = [
    ['disposed', (parent) => void parent.dispose()],
    ['collected', () => {}],
  ];
  test.each(endings)('a child is not released once its parent is %s, which would go before it', (_, end) => {
    const child = (() => {
      const parent = make();
      const only = makeChild(parent);
      end(parent);
      return only;
    })();
    collect();
    const error = expectRefusal(() => child.release(), Error, 'ERR_TALLY_IN_USE');
    expect(error.message).toContain('its parent');
    expect(child.disposed).toBe(false);
    child.dispose();
    expect(counters()).toMatchObject({ live: 0, freed: 2, orphans: 0 });
  });

  test('what is released no longer keeps its parent, which its new owner has to', () => {
    const parent = make();
    const child = makeChild(parent);
    const address = child.release();
    expect(counters()).toMatchObject({ live: 2, freed: 0 });
    things.free(address);
    parent.dispose();
    expect(counters()).toMatchObject({ live: 0, freed: 2, orphans: 0 });
  });

  test('a parent cannot be given away while a child needs it', () => {
    const parent = make();
    const children = [makeChild(parent), makeChild(parent)];
    const error = expectRefusal(() => parent.release(), Error, 'ERR_TALLY_IN_USE');
    expect(error.message).toContain('2 pointers');
    expect(parent.disposed).toBe(false);
    children.pop().dispose();
    expect(errorOf(() => parent.release()).message).toContain('1 pointer or');
    children.pop().dispose();
    things.free(parent.release());
  });

  test('a child of a small parent, a large parent, and one that JavaScript frees', () => {
    for (const makeParent of [() => make(10), () => make(2 ** 20), () => make(10, byJavaScript)]) {
      for (const [bytes, options] of [
        [50, {}],
        [2 ** 20, {}],
        [50, byJavaScript],
      ]) {
        const parent = makeParent();
        const child = makeChild(parent, bytes, options);
        expect(stats().pointers).toBe(2);
        parent.dispose();
        expect(counters().live).toBe(2);
        child.dispose();
        expect(counters().live).toBe(0);
      }
    }
    expect(counters()).toMatchObject({ freed: 18, orphans: 0 });
  });

  test('children before parents, when all die in the same collection', () => {
    (() => {
      for (let i = 0; i < 50; i++) {
        const parent = make(10, i % 3 === 0 ? byJavaScript : {});
        const child = makeChild(parent, 10, i % 2 === 0 ? byJavaScript : {});
        for (let j = 0; j < 3; j++) makeChild(child);
      }
    })();
    collect();
    expect(counters()).toMatchObject({ made: 250, freed: 250, orphans: 0 });
  });

  test('children before parents, when they are old, too', () => {
    const keep = [];
    (() => {
      for (let i = 0; i < 50; i++) {
        const parent = make(10);
        keep.push(makeChild(parent), parent);
      }
    })();
    collect();
    collect();
    collect();
    expect(counters().freed).toBe(0);
    keep.length = 0;
    collect();
    expect(counters()).toMatchObject({ freed: 100, orphans: 0 });
  });

  test('a child with a parent keeps its own account', () => {
    const parent = make(10);
    const child = makeChild(parent, 20);
    const { accounts } = stats();
    expect(accounts.find(({ label }) => label === 'child')).toMatchObject({ bytes: 20, pointers: 1 });
    expect(accounts.find(({ label }) => label === 'thing')).toMatchObject({ bytes: 10, pointers: 1 });
    child.dispose();
    parent.dispose();
  });

  describe('a chain of 100 000', () => {
    const LENGTH = 1e5;
    const chain = (options) => {
      const links = [make(16, options)];
      for (let i = 1; i < LENGTH; i++) links.push(makeChild(links[i - 1], 16, options));
      return links;
    };

    test.each([
      ['C', {}],
      ['JavaScript', byJavaScript],
    ])('dies in one collection, freed by %s', (_, options) => {
      (() => void chain(options))();
      collect();
      expect(counters()).toMatchObject({ made: LENGTH, freed: LENGTH, orphans: 0 });
    });

    test('disposed from the top: nothing is freed before the last one', () => {
      const links = chain({});
      for (let i = 0; i < LENGTH - 1; i++) links[i].dispose();
      expect(counters().freed).toBe(0);
      links[LENGTH - 1].dispose();
      expect(counters()).toMatchObject({ freed: LENGTH, orphans: 0 });
    });
  });

  test('a child tracked in the destructor of another child of a parent that was disposed', () => {
    const parent = make();
    let late;
    const child = track(things.makeChild(parent.address, 10), {
      size: 10,
      parent,
      free(address) {
        late = errorOf(() => makeChild(parent));
        things.free(address);
      },
    });
    parent.dispose();
    child.dispose();
    expect(late.code).toBe('ERR_TALLY_DISPOSED');
    expect(counters()).toMatchObject({ live: 0, orphans: 0 });
  });
});

test('a tracked pointer that nobody keeps is freed from the event loop', async () => {
  (() => {
    for (let i = 0; i < 10; i++) make(1000);
  })();
  stats(); // has their books made: what waits for it is kept
  await gcUntil('all things are freed', () => counters().live === 0);
  expect(counters().freed).toBe(10);
});

test('a pointer that is kept survives whatever is collected', async () => {
  const kept = Array.from({ length: 100 }, (_, i) => make(i % 2 === 0 ? 100 : 2 ** 17));
  for (let i = 0; i < 5; i++) collect({ type: i % 2 === 0 ? 'major' : 'minor' });
  let turns = 0;
  await gcUntil('some turns', () => ++turns === 3);
  expect(counters()).toMatchObject({ live: 100, freed: 0 });
  for (const pointer of kept) pointer.dispose();
});

test.each([10, 200_000])(
  'of %i bytes, which C takes in a call that is cut off: the charge is returned',
  async (size) => {
    const { transfer } = require('../../lib/pointers/tracked-pointer.js');
    const address = things.make(size);
    (() => transfer.begin(track(address, { size, free: FREE })))();
    await gcUntil('nothing is charged', () => collect() && stats().bytes === 0);
    things.free(address);
  },
);

describe('dispose({ children: true })', () => {
  const child = (parent, options) =>
    track(things.makeChild((Array.isArray(parent) ? parent[0] : parent).address, 10), {
      size: 10,
      free: FREE,
      parent,
      ...options,
    });
  const all = { children: true };

  test.each(sorts)('%s: children first, and theirs, each of them told', (_, create) => {
    const mother = create();
    const other = make();
    const children = [child(mother), child(mother, { free: (address) => things.free(address) })];
    children.push(child(children[0]), child([other, children[1]]), child(other));
    mother.dispose(all);
    expect([mother, ...children, other].map(({ disposed }) => disposed)).toEqual([
      ...Array(5).fill(true),
      false,
      false,
    ]);
    expect(counters()).toMatchObject({ live: 2, freed: 5, orphans: 0 });
    other.dispose(all);
    expect(counters()).toMatchObject({ live: 0, freed: 7, orphans: 0 });
  });

  test('children that nobody has any more, and a chain of them', () => {
    const mother = make();
    (() => {
      let last = mother;
      for (let i = 0; i < 300; i++) last = child(last);
      for (let i = 0; i < 300; i++) child(mother);
    })();
    if (stats().backend !== 'javascript') gc(); // there collected is what the event loop has told
    mother.dispose(all);
    expect(counters()).toMatchObject({ live: 0, freed: 601, orphans: 0 });
  });

  test('of one that has ended, until its memory is gone', () => {
    const mother = make();
    const children = [child(mother), child(mother)];
    mother.dispose();
    expectRefusal(() => mother.dispose({ child: true }), TypeError, 'ERR_TALLY_UNKNOWN_OPTION');
    expect(counters().freed).toBe(0);
    mother.dispose(all);
    expect([children[0].disposed, children[1].disposed, counters().freed]).toEqual([true, true, 3]);
    const others = Array.from({ length: 300 }, () => make());
    const theirs = others.map((other) => child(other)); // in all slots that are free
    for (const other of others) other.dispose();
    mother.dispose(all);
    expect(theirs.some(({ disposed }) => disposed)).toBe(false);
    for (const each of theirs) each.dispose();
    expect(counters()).toMatchObject({ live: 0, freed: 603, orphans: 0 });
  });

  test('one with several parents, entered before one of them, is told first', () => {
    const order = [];
    const told = (name, parent) =>
      track(1n, { size: 0, free: () => void order.push(name), label: name, parent });
    const mother = told('mother');
    const first = told('first', mother);
    const second = told('second', mother);
    const slots = [told('unused'), told('unused')];
    for (const each of slots) each.dispose(); // which are given again, the last first
    const late = told('late', mother);
    const last = told('last', [first, late, second]);
    order.length = 0;
    mother.dispose(all);
    expect([last.disposed, order]).toEqual([true, expect.arrayContaining(['late', 'second', 'first'])]);
    expect([order[0], order.at(-1), order.length]).toEqual(['last', 'mother', 5]);
  });

  test('what has none, or is no option', () => {
    const mother = make();
    expectRefusal(() => mother.dispose({ child: true }), TypeError, 'ERR_TALLY_UNKNOWN_OPTION');
    expectRefusal(() => mother.dispose({ children: 1 }), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
    expectRefusal(() => mother.dispose(true), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
    expect(mother.disposed).toBe(false);
    const kept = child(mother);
    mother.dispose({ children: false });
    expect([mother.disposed, kept.disposed]).toEqual([true, false]);
    kept.dispose(all);
    mother.dispose(all);
    expect(counters()).toMatchObject({ live: 0, orphans: 0 });
  });

  test('a destructor that disposes of the others meanwhile', () => {
    const mother = make();
    const children = [];
    for (let i = 0; i < 3; i++) {
      children.push(
        child(mother, {
          free(address) {
            things.free(address);
            for (const each of children) each.dispose();
          },
        }),
      );
    }
    mother.dispose(all);
    expect(counters()).toMatchObject({ live: 0, freed: 4, orphans: 0 });
  });
});
