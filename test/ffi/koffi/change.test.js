'use strict';
// _Inout_: C changes what is in a struct or a list, or leaves it as it is.

const { promisify } = require('node:util');
const { ADDRESS_OF, collect, stats } = require('../../../lib');
const binding = require('../../../lib/binding');
const { errorOf, expectBalance, expectRefusal } = require('../../support/balance.js');
const { gcUntil } = require('../../support/gc-until.js');
const { counting, declareThings, koffi, things, unique } = require('./setup.js');

const library = koffi.load(counting);
const { counters } = things;

beforeEach(things.reset);
afterEach(expectBalance);

/** A struct with a member of type `member`, two of that, and thing_act(), by which C does something to the first. */
function declare(member, options) {
  const own = declareThings();
  const Holder = unique('Holder');
  koffi.struct(Holder, { thing: member(own), code: 'int', more: koffi.array(member(own), 2) });
  const prototype = `uint64_t thing_act(const char *script, _Inout_ ${Holder} *a, void *b, uint64_t c, uint64_t d)`;
  const act = library.func(prototype, ...(options === undefined ? [] : [options]));
  const holder = (thing) => ({ thing, code: 7, more: [null, null] });
  return { ...own, Holder, holder, call: (script, value) => act(script, value, null, 0n, 0n), act };
}

const owned = ({ Owned }) => Owned;
const plain = ({ T }) => `${T} *`;

describe('an owned member', () => {
  test('that C leaves alone stays the same pointer', () => {
    const { make, holder, call } = declare(owned);
    const [first, second] = [make(10), make(20)];
    const given = { ...holder(first), more: [second, null] };
    call('.>', given);
    expect(given).toEqual({ thing: first, code: 7, more: [second, null] });
    expect([first.disposed, second.disposed, first.size]).toEqual([false, false, 10]);
    for (const thing of [first, second]) thing.dispose();
    expect(counters()).toMatchObject({ made: 2, freed: 2 });
  });

  test("that C replaces: the old one is C's, the new one the caller's", () => {
    const { make, holder, call, Owned } = declare(owned);
    const old = make(10);
    const { address } = old;
    const given = holder(old);
    call('o>', given);
    expect([old.disposed, given.thing.label, given.thing.size]).toEqual([true, Owned, 16]);
    expect(stats().pointers).toBe(1);
    given.thing.dispose();
    things.free(address);
    expect(counters()).toMatchObject({ made: 2, freed: 2 });
  });

  test('that C replaces by one that may have the same address', () => {
    const { make, holder, call } = declare(owned);
    const given = holder(make(10));
    call('r>', given);
    expect([given.thing.size, given.thing.disposed]).toEqual([16, false]);
    given.thing.dispose();
    expect(counters()).toMatchObject({ made: 2, freed: 2 });
  });

  test('that C takes, leaving NULL', () => {
    const { make, holder, call } = declare(owned);
    const given = holder(make(10));
    const old = given.thing;
    call('z>', given);
    expect([old.disposed, given.thing]).toEqual([true, null]);
    expect(counters()).toMatchObject({ made: 1, freed: 1 });
  });

  test('that C gives, where there was none, and that is dropped', async () => {
    const { holder, call } = declare(owned);
    const given = holder(null);
    call('o>', given);
    expect(given.thing.size).toBe(16);
    given.thing = null;
    await gcUntil('what was dropped is freed', () => (collect(), counters().freed === 1));
    expect(counters()).toMatchObject({ made: 1, freed: 1 });
  });

  test("that is an address of somebody else's, and stays that", () => {
    const { holder, call } = declare(owned);
    const address = things.make(10);
    const given = holder(address);
    call('.>', given);
    expect(things.addressOf(given.thing)).toBe(address);
    expect(stats().pointers).toBe(0);
    things.free(address);
  });

  test('of several structs', () => {
    const { make, holder, call } = declare(owned);
    const list = [holder(make(10)), holder(make(20))];
    const [first, second] = list.map(({ thing }) => thing);
    call('z>', list);
    expect([first.disposed, second.disposed]).toEqual([true, false]);
    expect(list.map(({ thing }) => thing)).toEqual([null, second]);
    second.dispose();
    expect(counters()).toMatchObject({ made: 2, freed: 2 });
  });

  test('on another thread', async () => {
    const { make, holder, act } = declare(owned);
    const given = holder(make(10));
    const old = given.thing;
    const calling = promisify(act.async)('r>', given, null, 0n, 0n);
    expect(old.disposed).toBe(true); // C may take it
    await calling;
    expect(given.thing.size).toBe(16);
    given.thing.dispose();
    expect(counters()).toMatchObject({ made: 2, freed: 2, freed_underfoot: 0 });
  });

  test('as the outcome says', () => {
    const refused = declare(owned, { takes: () => false });
    const given = refused.holder(refused.make(10));
    const old = given.thing;
    refused.call('n>', given);
    expect([old.disposed, given.thing]).toEqual([false, null]);
    old.dispose();
    const { holder, call } = declare(owned, { gives: () => false });
    const second = holder(null);
    call('o>', second);
    expect(stats().pointers).toBe(0);
    things.free(second.thing);
  });

  test('where Koffi refuses another argument, nothing has happened', () => {
    const { make, holder, act } = declare(owned);
    const given = holder(make(10));
    const { thing } = given;
    expect(() => act('.>', given, null, 'no number', 0n)).toThrow(/Unexpected String value/);
    expect([given.thing === thing, thing.disposed]).toEqual([true, false]);
    thing.dispose();
  });

  test('that has ended, or is of another type', () => {
    const { make, holder, call } = declare(owned);
    const ended = make(10);
    ended.dispose();
    expectRefusal(() => call('.>', holder(ended)), ReferenceError, 'ERR_TALLY_DISPOSED');
    const other = declareThings().make(10);
    expectRefusal(() => call('.>', holder(other)), TypeError, 'ERR_TALLY_TYPE_MISMATCH');
    expect(other.disposed).toBe(false);
    other.dispose();
  });
});

describe('a plain member', () => {
  test('is borrowed, and the same pointer afterwards if it is there', () => {
    const { make, holder, call, id } = declare(plain);
    const [first, second] = [make(10), make(20)];
    const given = { ...holder(first), more: [second, null] };
    call('.>', given);
    expect(given).toEqual({ thing: first, code: 7, more: [second, null] });
    call('n>', given);
    expect(given).toEqual({ thing: null, code: 7, more: [second, null] });
    expect([id(first), id(second)]).not.toContain(-1);
    for (const thing of [first, second]) thing.dispose();
  });

  test('that C replaces is a plain pointer', () => {
    const { make, holder, call } = declare(plain);
    const first = make(10);
    const given = holder(first);
    call('o>', given);
    expect([first.disposed, stats().pointers]).toEqual([false, 1]);
    things.free(given.thing);
    first.dispose();
  });

  test('on another thread: not freed meanwhile', async () => {
    const { make, T } = declare(plain);
    const Pair = unique('Pair');
    koffi.struct(Pair, { first: `${T} *`, second: `${T} *`, ms: 'int' });
    const slow = promisify(library.func(`int pair_values(_Inout_ ${Pair} *pair)`).async);
    const [first, second] = [make(10), make(20)];
    const calling = slow({ first, second, ms: 20 });
    for (const thing of [first, second]) thing.dispose();
    await calling;
    expect(counters()).toMatchObject({ freed: 2, freed_underfoot: 0 });
  });
});

describe('pair_swap(), which exchanges pointers', () => {
  const swapping = (first, second, ...options) => {
    const Pair = unique('Pair');
    koffi.struct(Pair, { first, second, ms: 'int' });
    return library.func(`void pair_swap(_Inout_ ${Pair} *one, _Inout_ ${Pair} *other)`, ...options);
  };

  test('an address where another type is owned is another one', () => {
    const [one, other] = [declareThings(), declareThings({ free: 'thing_close' })];
    const pair = { first: one.make(16), second: null, ms: 0 };
    const old = pair.first;
    const { address } = old;
    swapping(one.Owned, other.Owned)(pair, null);
    expect([old.disposed, pair.first]).toEqual([true, null]);
    expect([pair.second.label, pair.second.address]).toEqual([other.Owned, address]);
    pair.second.dispose();
    expect(counters()).toMatchObject({ made: 1, freed: 1 });
  });

  test('what C has not taken has one owner, wherever it is', () => {
    const { make, Owned } = declareThings();
    const pair = { first: make(16), second: null, ms: 0 };
    const { first } = pair;
    swapping(Owned, declareThings().Owned, { takes: () => false })(pair, null);
    expect([pair.first, pair.second === first, first.disposed, stats().pointers]).toEqual([
      null,
      true,
      false,
      1,
    ]);
    first.dispose();
    expect(counters()).toMatchObject({ made: 1, freed: 1 });
  });

  test('what C has taken is no pointer of the program where C borrows', () => {
    const { make, Owned, T } = declareThings();
    const pair = { first: make(16), second: null, ms: 0 };
    const old = pair.first;
    const { address } = old;
    swapping(Owned, `${T} *`)(pair, null);
    expect([old.disposed, things.addressOf(pair.second), stats().pointers]).toEqual([true, address, 0]);
    things.free(address);
  });

  test('a pointer that is borrowed where its type does not fit is none', () => {
    const { make, T } = declareThings();
    const other = declareThings();
    const pair = { first: make(16), second: null, ms: 0 };
    const old = pair.first;
    swapping(`${T} *`, `${other.T} *`)(pair, null);
    expect([pair.first, things.addressOf(pair.second)]).toEqual([null, old.address]);
    old.dispose();
  });

  test('where a pointer cannot be measured again, what C gives beside it has an owner', () => {
    const one = declareThings({ size: 'thing_size_unless_refused' });
    const other = declareThings();
    const refuse = library.func('void things_refuse(int result)');
    const list = [one.make(16), one.make(32)].map((first) => ({ first, second: null, ms: 0 }));
    const [taken, stays] = list.map(({ first }) => first);
    refuse(-1);
    try {
      const { code } = errorOf(() => swapping(one.Owned, other.Owned)(list, null));
      expect(code).toBe('ERR_TALLY_SIZE');
    } finally {
      refuse(0);
    }
    expect([taken.disposed, list[0].first, list[1].first === stays]).toEqual([true, null, true]);
    expect(list[0].second).toMatchObject({ label: other.Owned, size: 16 });
    expect(stays).toMatchObject({ disposed: false, size: 32 });
    list[0].second.dispose();
    stays.dispose();
    expect(counters()).toMatchObject({ made: 2, freed: 2 });
  });

  test('of two structs, a pointer is the same in the other', () => {
    const { make, Owned, T } = declareThings();
    for (const type of [Owned, `${T} *`]) {
      const [first, second] = [make(16), make(32)];
      const [one, other] = [
        { first, second: null, ms: 0 },
        { first: null, second, ms: 0 },
      ];
      swapping(type, type)(one, other);
      expect([one.first === second, other.second === first]).toEqual([true, true]);
      for (const thing of [first, second]) thing.dispose();
    }
    expect(counters()).toMatchObject({ made: 4, freed: 4 });
  });

  test('a pointer may be owned and borrowed in one struct, in either order', () => {
    const { make, Owned, T } = declareThings();
    for (const types of [
      [Owned, `${T} *`],
      [`${T} *`, Owned],
    ]) {
      const thing = make(16);
      const pair = { first: thing, second: thing, ms: 0 };
      swapping(...types)(pair, null);
      expect([pair.first === thing, pair.second === thing, thing.disposed]).toEqual([true, true, false]);
      thing.dispose();
    }
  });

  test('a pointer that C could take twice', () => {
    const { make, Owned } = declareThings();
    const thing = make(16);
    const pair = { first: thing, second: thing, ms: 0 };
    expectRefusal(() => swapping(Owned, Owned)(pair, null), Error, 'ERR_TALLY_GIVEN_TWICE');
    expect([pair.first === thing, thing.disposed]).toEqual([true, false]);
    thing.dispose();
  });
});

describe('an object with accessors', () => {
  class Accessors {
    #thing;
    constructor(thing) {
      this.#thing = thing;
    }
    get thing() {
      return this.#thing;
    }
    set thing(thing) {
      this.#thing = thing;
    }
    get more() {
      return [null, null];
    }
    set more(more) {}
  }

  test.each([[false], [true]])('of its class; with a member of its own: %s', (isOwn) => {
    const { make, call, act } = declare(owned);
    const given = new Accessors(make(10));
    Object.defineProperty(isOwn ? given : Accessors.prototype, 'code', {
      value: 7,
      writable: true,
      configurable: true,
    });
    const { thing } = given;
    call('.>', given);
    expect(() => act('.>', given, null, 'no number', 0n)).toThrow(/Unexpected String value/);
    expect([given.thing === thing, thing.disposed]).toEqual([true, false]);
    call('z>', given);
    expect([given.thing, thing.disposed]).toEqual([null, true]);
    expect(counters()).toMatchObject({ made: 1, freed: 1 });
  });

  test('is asked once', async () => {
    const { make, holder, act } = declare(plain);
    const [first, second] = [make(10), make(20)];
    let asked = 0;
    const given = Object.defineProperty(holder(null), 'thing', {
      get: () => (asked++ === 0 ? first : second),
      set: (thing) => {
        expect(thing).toBe(first);
      },
    });
    await promisify(act.async)('.>', given, null, 0n, 0n);
    expect(asked).toBe(1);
    for (const thing of [first, second]) thing.dispose();
  });
});

test('a list of pointers', () => {
  const { T, make } = declareThings();
  const values = library.func(`int things_values(_Inout_ ${T} **things, int count)`);
  const list = [make(10), make(20)];
  const before = [...list];
  const expected = library.func(`int things_values(${T} **things, int count)`)(list, 2);
  expect(values(list, 2)).toBe(expected);
  expect(list.every((each, i) => each === before[i])).toBe(true);
  for (const thing of list) thing.dispose();
});

test.each(['_Out_', '_Inout_'])('%s: memory of C, which is lent as it is', async (direction) => {
  const Block = unique('Block');
  koffi.struct(Block, { value: 'int' });
  const { T, make } = declareThings();
  const Owned = unique('Owned');
  koffi.owned(Owned, `${Block} *`, { free: 'thing_free', size: 'thing_size' });
  const makers = { [T]: make, void: make, [Block]: library.func(`${Owned} thing_new(size_t bytes)`) };
  for (const [type, maker] of Object.entries(makers)) {
    const size = library.func(`size_t thing_size(${direction} ${type} *thing)`);
    const thing = maker(100);
    expect([type, size(thing), await promisify(size.async)(thing)]).toEqual([type, 100, 100]);
    thing.dispose();
    expectRefusal(() => size(thing), ReferenceError, 'ERR_TALLY_DISPOSED');
  }
});

test('a destructor that is declared to change what it frees is one', async () => {
  const { T } = declareThings();
  const Block = unique('Block');
  const Owned = unique('Owned');
  koffi.struct(Block, { thing: `${T} *`, code: 'int' });
  koffi.owned(Owned, `${Block} *`, { free: 'thing_free', size: 'thing_size' });
  const make = library.func(`${Owned} thing_new(size_t bytes)`);
  const free = library.func(`void thing_free(_Inout_ ${Block} *thing)`);
  const blocks = [make(16), make(16)];
  free(blocks[0]);
  await promisify(free.async)(blocks[1]);
  expect(blocks.map(({ disposed }) => disposed)).toEqual([true, true]);
  for (const block of blocks) block.dispose();
  expectRefusal(() => free(blocks[0]), ReferenceError, 'ERR_TALLY_DISPOSED');
  expectRefusal(() => free.async(blocks[0], () => {}), ReferenceError, 'ERR_TALLY_DISPOSED');
  free(null);
  expect(counters()).toMatchObject({ made: 2, freed: 2, double_frees: 0 });
});

const canBind = binding.canBind ? test : test.skip;

canBind('what C frees, and leaves there, has ended, and is not tracked again', () => {
  const { make, Owned, T } = declareThings({ free: { symbol: 'things_delete', args: [1, ADDRESS_OF] } });
  make(10).dispose();
  const remove = library.func(`void things_delete(int count, _Inout_ ${Owned} *things)`);
  const list = [make(10), make(20)];
  const both = [...list];
  remove(2, list);
  expect([list, both.map(({ disposed }) => disposed)]).toEqual([
    [null, null],
    [true, true],
  ]);
  expect(counters()).toMatchObject({ made: 3, freed: 3, double_frees: 0 });
  const thing = make(10);
  for (const type of [`${T} **`, `_Inout_ ${T} **`]) {
    const other = library.func(`void things_delete(int count, ${type}things)`);
    const error = expectRefusal(() => other(1, [thing]), TypeError, 'ERR_TALLY_UNSUPPORTED');
    expect(error.message).toContain(`_Inout_ ${Owned} *`);
  }
  thing.dispose();
});
