'use strict';
// Destructors that are told what only the call knows that gives the pointer: its parent, and what functions in `args` find.

const { subscribe, unsubscribe } = require('node:diagnostics_channel');
const { promisify } = require('node:util');
const { PARENT, POINTER, collect, handOver, stats, takeOver, track } = require('../../../lib');
const binding = require('../../../lib/binding');
const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { ended } = require('../../support/workers.js');
const { counting, declareThings, koffi, ownedThing, things, unique } = require('./setup.js');

const library = koffi.load(counting);
const { counters, symbol } = things;

beforeEach(things.reset);
afterEach(expectBalance);

// A build without libffi has none of them.
const describeBound = binding.canBind ? describe : describe.skip;

const DROP = { symbol: 'child_drop', args: [PARENT, POINTER] };

/** Owned types: a thing, and a child whose destructor is told its parent. */
function declareFamily(options) {
  const { Owned: Parent, T, make } = declareThings();
  const { Owned: Child } = ownedThing({ free: DROP, size: 10, ...options });
  return { Parent, Child, T, make };
}

describeBound('PARENT', () => {
  describe.each([
    ['of an owned type', { parent: 0 }, undefined],
    ['of one function', {}, { parent: 0 }],
    ['by keeps', {}, { keeps: 0 }],
    ['found by a function', { parent: (address, parent) => parent }, undefined],
  ])('%s', (_, ofType, ofFunction) => {
    test.each([
      ['in a prototype', (Child, T) => [`${Child} child_new(${T} *parent, size_t bytes)`]],
      ['in the classic form', (Child, T) => ['child_new', Child, [`${T} *`, 'size_t']]],
    ])('%s: each child with its own, which goes later', (__, declaration) => {
      const { Child, T, make } = declareFamily(ofType);
      const create = library.func(
        ...declaration(Child, T),
        ...(ofFunction === undefined ? [] : [ofFunction]),
      );
      const parents = [make(10), make(10)];
      const children = [0, 1, 0, 1].map((i) => create(parents[i], 10));
      for (const each of [...parents, ...children]) each.dispose();
      (() => create(make(10), 10))();
      collect();
      expect(counters()).toMatchObject({ made: 8, freed: 8, orphans: 0 });
    });
  });

  test('what C stores', () => {
    const { Owned } = ownedThing({
      free: { symbol: 'thing_free_ctx', args: [PARENT, POINTER] },
      size: 10,
      parent: (address, out, bytes) => BigInt(bytes),
    });
    const box = [null];
    library.func(`int thing_make(_Out_ ${Owned} *out, size_t bytes)`)(box, 77);
    box[0].dispose();
    expect(counters().last_context).toBe(77);
  });

  test('asynchronous, of a parent that is disposed of meanwhile', async () => {
    const { Child, T, make } = declareFamily({ parent: 0 });
    const create = library.func(`${Child} child_new(${T} *parent, size_t bytes)`);
    const parent = make(10);
    const made = promisify(create.async)(parent, 10);
    parent.dispose();
    (await made).dispose();
    expect(counters()).toMatchObject({ made: 2, freed: 2, orphans: 0 });
  });

  test('by a function pointer', () => {
    const { Child, T, make } = declareFamily({ parent: 0 });
    const Create = koffi.proto(`${Child} ${unique('Create')}(${T} *parent, size_t bytes)`);
    const parent = make(10);
    koffi.call(library.symbol('child_new', 'void *'), Create, parent, 10).dispose();
    parent.dispose();
    expect(counters()).toMatchObject({ made: 2, freed: 2, orphans: 0 });
  });

  test('an address, whose owner is somebody else', () => {
    const { Child, T } = declareFamily({ parent: 0 });
    const create = library.func(`${Child} child_new(${T} *parent, size_t bytes)`);
    const parent = things.makeRaw(10);
    create(parent, 10).dispose();
    things.free(parent);
    expect(counters()).toMatchObject({ made: 2, freed: 2, orphans: 0 });
  });

  test('what has no address of its own is refused before the call', () => {
    const { Child } = declareFamily({ parent: 0 });
    const create = library.func(`${Child} child_new(void *parent, size_t bytes)`);
    expectRefusal(() => create(Buffer.alloc(10), 10), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
    expect(counters().made).toBe(0);
  });

  test('by hand', () => {
    const { Child, T, make } = declareFamily({ parent: 0 });
    const create = library.func(`${Child} child_new(${T} *parent, size_t bytes)`);
    const drop = library.func('void child_drop(void *parent, void *child)');
    const parent = make(10);
    const child = create(parent, 10);
    drop(parent, child);
    expect(child.disposed).toBe(true);
    parent.dispose();
  });

  test('a child that cannot be tracked is freed with its parent', () => {
    const { Child, T, make } = declareFamily({ parent: 0, size: () => -1 });
    const create = library.func(`${Child} child_new(${T} *parent, size_t bytes)`);
    const parent = make(10);
    expectRefusal(() => create(parent, 10), Error, 'ERR_TALLY_SIZE');
    expect(counters()).toMatchObject({ made: 2, freed: 1, orphans: 0 });
    parent.dispose();
  });

  test('in track()', () => {
    const free = { address: symbol('child_drop'), args: [PARENT, POINTER] };
    const parent = track(things.make(10), { size: 10, free: things.FREE });
    const child = track(things.makeChild(parent.address, 10), {
      size: 10,
      free,
      parent: [parent, Buffer.alloc(1)],
    });
    parent.dispose();
    child.dispose();
    expect(counters()).toMatchObject({ made: 2, freed: 2, orphans: 0 });
    expectRefusal(() => track(1n, { size: 10, free }), Error, 'ERR_TALLY_UNSUPPORTED');
  });

  test('without a parent, it is refused where a function is declared', () => {
    const { Child, T } = declareFamily();
    const declare = () => library.func(`${Child} child_new(${T} *parent, size_t bytes)`);
    expectRefusal(declare, Error, 'ERR_TALLY_UNSUPPORTED');
  });
});

// What was announced of a type.
const announced = jest.fn();
const tell = ({ label, error }) => announced(label, error);

describeBound('functions in args', () => {
  beforeEach(() => {
    announced.mockClear();
    jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    subscribe('ffi-tally:destructor-error', tell);
  });
  afterEach(() => {
    jest.restoreAllMocks();
    unsubscribe('ffi-tally:destructor-error', tell);
  });

  const sized = (ask) => ({ symbol: 'thing_free_sized', args: [POINTER, ask] });

  test('of a result', () => {
    const { Owned } = ownedThing({ free: sized((address, bytes) => bytes), size: 1 });
    const make = library.func(`${Owned} thing_new(size_t bytes)`);
    for (let i = 1; i <= 1000; i++) make(i); // more than there are kinds in hand
    make(2000).dispose();
    collect();
    expect(counters()).toMatchObject({ made: 1001, freed: 1001, size_mismatches: 0 });
  });

  test('of what C stores, of one function, and handed over', () => {
    const { Owned } = ownedThing({ free: sized((address, out, bytes) => BigInt(bytes)), size: 1 });
    const box = [null];
    library.func(`int thing_make(_Out_ ${Owned} *out, size_t bytes)`)(box, 5);
    takeOver(handOver(box[0])).dispose();
    const free = sized((address, bytes) => bytes);
    library.func('void *thing_new(size_t bytes)', { free, size: 1 })(7).dispose();
    expect(counters()).toMatchObject({ made: 2, freed: 2, size_mismatches: 0 });
  });

  describe.each([
    ['throws', () => JSON.parse('{')],
    ['tells no integer', () => 'many'],
  ])('one that %s', (_, failing) => {
    const failed = (label) => stats().accounts.find((account) => account.label === label).failed;

    test.each(['a result', 'stored'])('the pointer has an owner, who asks again: %s', async (how) => {
      let isReady = false;
      const free = sized((address, ...args) => (isReady ? Number(args.at(-1)) : failing()));
      const { Owned } = ownedThing({ free, size: 10 });
      const box = [null];
      if (how === 'stored') library.func(`int thing_make(_Out_ ${Owned} *out, size_t bytes)`)(box, 5);
      else box[0] = library.func(`${Owned} thing_new(size_t bytes)`)(5);
      expect([box[0].label, box[0].size, failed(Owned)]).toEqual([Owned, 10, 1]);
      await null;
      expect(announced).toHaveBeenCalledWith(Owned, expect.any(Error));
      isReady = true;
      box[0].dispose();
      expect(counters()).toMatchObject({ made: 1, freed: 1, size_mismatches: 0 });
    });

    test('for ever: it has failed, like any other destructor', () => {
      const { Owned } = ownedThing({ free: sized(failing), size: 10 });
      const thing = library.func(`${Owned} thing_new(size_t bytes)`)(5);
      const { address } = thing;
      thing.dispose();
      expect([thing.disposed, failed(Owned)]).toEqual([true, 2]);
      things.free(koffi.type === undefined ? koffi.decode(new BigUint64Array([address]), 'void *') : address);
    });

    test('by hand', () => {
      const { Owned } = ownedThing({ free: sized(failing), size: 10 });
      const free = library.func('void thing_free_sized(void *thing, size_t bytes)');
      const thing = library.func(`${Owned} thing_new(size_t bytes)`)(5);
      free(thing, 5);
      expect(thing.disposed).toBe(true);
      expect(counters()).toMatchObject({ made: 1, freed: 1 });
    });
  });

  test('one that throws at first, and the size is not told either: it is freed', () => {
    let count = 0;
    const once = (address, bytes) => (count++ === 0 ? JSON.parse('{') : bytes);
    const { Owned } = ownedThing({ free: sized(once), size: () => -1 });
    const make = library.func(`${Owned} thing_new(size_t bytes)`);
    expect(() => make(5)).toThrow(expect.objectContaining({ code: 'ERR_TALLY_SIZE' }));
    expect(counters()).toMatchObject({ made: 1, freed: 1, size_mismatches: 0 });
  });

  test('one that throws at first, and the parent has been disposed of when it is asked again', () => {
    let count = 0;
    const args = [PARENT, POINTER, () => (count++ === 0 ? JSON.parse('{') : 0)];
    const { Child, T, make } = declareFamily({
      free: { symbol: 'child_drop', args },
      parent: (address, parent) => parent,
    });
    const parent = make(10);
    const child = library.func(`${Child} child_new(${T} *parent, size_t bytes)`)(parent, 10);
    parent.dispose();
    child.dispose();
    expect(counters()).toMatchObject({ made: 2, freed: 2, orphans: 0 });
  });

  test('a parent that cannot be found: the pointer has an owner, who asks again', async () => {
    let isReady = false;
    const { Child, T, make } = declareFamily({
      parent(address, parent) {
        if (!isReady) throw new RangeError();
        return parent;
      },
    });
    const parent = make(10);
    const child = library.func(`${Child} child_new(${T} *parent, size_t bytes)`)(parent, 10);
    await null;
    expect(announced).toHaveBeenCalledTimes(1);
    isReady = true;
    for (const each of [child, parent]) each.dispose();
    expect(counters()).toMatchObject({ made: 2, freed: 2, orphans: 0 });
  });

  test('track() has nobody to ask', () => {
    const free = { address: symbol('thing_free_sized'), args: [POINTER, () => 1] };
    expectRefusal(() => track(1n, { size: 10, free }), Error, 'ERR_TALLY_UNSUPPORTED');
  });

  test('kinds that nobody needs are let go', async () => {
    const { Owned } = ownedThing({ free: sized((address, bytes) => bytes), size: 1 });
    const make = library.func(`${Owned} thing_new(size_t bytes)`);
    for (let i = 1; i <= 2000; i++) make(i).dispose();
    expect(stats().pointers).toBe(0);
    expect(counters()).toMatchObject({ made: 2000, freed: 2000, size_mismatches: 0 });
  });
});

describeBound('when a worker ends', () => {
  test('both are told', async () => {
    await ended(
      `
      const { PARENT, POINTER } = require('./lib');
      const { counting, koffi, ownedThing } = require('./test/ffi/koffi/setup.js');
      const library = koffi.load(counting);
      const { Owned: Parent, T } = ownedThing();
      const { Owned: Child } = ownedThing({ free: { symbol: 'child_drop', args: [PARENT, POINTER] }, size: 1, parent: 0 });
      const sized = { symbol: 'thing_free_sized', args: [POINTER, (address, bytes) => bytes] };
      const { Owned: Sized } = ownedThing({ free: sized, size: 1 });
      const parent = library.func(Parent + ' parent_new(size_t bytes)');
      const child = library.func(Child + ' child_new(' + T + ' *parent, size_t bytes)');
      const make = library.func(Sized + ' thing_new(size_t bytes)');
      const kept = (globalThis.kept = []);
      for (let i = 1; i <= 100; i++) kept.push(child(parent(10), 10), make(i));
      `,
      'await start().ended',
      { made: 300, freed: 300, live: 0 },
    );
  });
});
