'use strict';

const { collect, configure, track } = require('../../lib');
const binding = require('../../lib/binding');
const { nursery } = require('../../lib/books/nursery');
const { transfer } = require('../../lib/pointers/tracked-pointer');
const { counting, koffi, ownedThing } = require('../ffi/koffi/setup.js');
const { expectBalance, expectRefusal } = require('../support/balance.js');
const { gcUntil } = require('../support/gc-until.js');
const { runChild } = require('../support/child.js');
const inChildren = require('../support/in-children.js');
const things = require('../support/things.js');

const { FREE, counters } = things;
const CODE = 'ERR_TALLY_TRACKED_TWICE';
const defaults = configure();

beforeEach(() => {
  things.reset();
  configure({ checked: true });
});
afterEach(() => {
  configure(defaults);
  return expectBalance();
});

const make = (bytes = 100, options = {}) =>
  track(things.make(bytes), { size: bytes, free: FREE, label: 'first', ...options });
const again = (address, options = {}) => track(address, { size: 1, free: FREE, label: 'second', ...options });
const refused = (address, options) => expectRefusal(() => again(address, options), Error, CODE);

// Addresses that nobody allocates, for pointers that nobody frees.
const nobody = () => {};

test.each([10, 2 ** 20])('an address that is tracked twice is refused, and not freed: %i bytes', (bytes) => {
  const pointer = make(bytes);
  const error = refused(pointer.address);
  expect(error.message).toContain('(first)');
  expect(error.message).toContain('(second)');
  expect(error.message).toContain(`0x${pointer.address.toString(16)}`);
  expect(pointer.disposed).toBe(false);
  expect(counters()).toMatchObject({ live: 1, freed: 0 });
  pointer.dispose();
  expect(counters()).toMatchObject({ live: 0, freed: 1, double_frees: 0 });
});

test('nor is it freed when its options are wrong, too', () => {
  const pointer = make();
  const { address } = pointer;
  expectRefusal(() => again(address, { size: -1 }), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
  expectRefusal(() => again(address, { lable: 'x' }), TypeError, 'ERR_TALLY_UNKNOWN_OPTION');
  expect(counters().freed).toBe(0);
  pointer.dispose();
});

test('one that was not tracked is freed as ever when its options are wrong', () => {
  expectRefusal(() => make(10, { size: -1 }), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
  expect(counters()).toMatchObject({ made: 1, freed: 1 });
});

describe('an address that comes back is no false alarm', () => {
  const comesBack = (end) => {
    const pointer = track(4096n, { size: 1, free: nobody });
    end(pointer);
    again(4096n, { free: nobody }).dispose();
  };

  test('after dispose()', () => comesBack((pointer) => pointer.dispose()));
  test('after release()', () => comesBack((pointer) => pointer.release()));

  test('after it was collected', () => {
    (() => void track(4096n, { size: 1, free: nobody }))();
    collect();
    again(4096n, { free: nobody }).dispose();
  });

  test('while C, which takes the first pointer, may have freed it already', () => {
    const pointer = track(4096n, { size: 1, free: nobody });
    transfer.begin(pointer);
    again(4096n, { free: nobody }).dispose();
    transfer.commit(pointer, true);
  });

  test.each(['JavaScript', 'C'])('inside of its destructor in %s', (where) => {
    let inside;
    const comeBack = () => (inside = again(4096n, { free: nobody }));
    if (where === 'JavaScript') {
      track(4096n, { size: 1, free: comeBack }).dispose();
    } else {
      const callback = koffi.register(comeBack, koffi.pointer(koffi.proto(`void ComesBack(void *)`)));
      track(4096n, { size: 1, free: callback }).dispose();
      koffi.unregister(callback);
    }
    inside.dispose();
  });

  test('as the allocator gives them out, ten thousand times', () => {
    const addresses = new Set();
    for (let i = 0; i < 10_000; i++) {
      const pointer = make(32 + (i % 3) * 16);
      addresses.add(pointer.address);
      pointer.dispose();
    }
    expect(addresses.size).toBeLessThan(10_000); // or nothing has come back
  });
});

describe('an address that is not yet free', () => {
  test('because a child needs it', () => {
    const parent = make(100);
    const { address } = parent;
    const child = track(things.makeChild(address, 10), { size: 10, free: FREE, parent });
    parent.dispose();
    refused(address);
    child.dispose();
    track(address, { size: 1, free: nobody }).dispose();
  });

  test('because nobody has collected it', () => {
    let address;
    (() => void ({ address } = make(100)))();
    refused(address);
    collect();
  });
});

// Most addresses come back, and with them their slots; those of counted references are shared by thousands.
test.each([
  ['that share one address, all at a time', 2000, true],
  ['that share one address, three at a time, the oldest gone first', 3, true],
  ['to one address, one at a time', 0, false],
])('very many pointers %s: the ledger is asked a few times for each', (_, most, shared) => {
  const owns = jest.spyOn(binding, 'owns');
  const pointers = [];
  for (let i = 0; i < 2000; i++) {
    pointers.push(again(4096n, { free: nobody, shared }));
    if (pointers.length > most) pointers.shift().dispose();
  }
  expect(owns.mock.calls.length).toBeLessThan(3 * 2000);
  owns.mockClear();
  if (shared) refused(4096n, { free: nobody });
  for (const each of pointers) each.dispose();
  again(4096n, { free: nobody }).dispose();
  expect(owns.mock.calls.length).toBeLessThan(3 * 2000);
  owns.mockRestore();
});

test('a slot that comes back for the same address says nothing of who had it before', () => {
  again(4096n, { free: nobody }).dispose();
  const inside = track(4096n, { size: 0, free: null });
  again(4096n, { free: nobody }).dispose();
  inside.dispose();
  again(4096n, { free: nobody }).dispose();
  const references = [1, 2].map(() => again(4096n, { free: nobody, shared: true }));
  for (const each of references) each.dispose();
});

test('every one of many is known, however many came and went before', () => {
  for (let i = 1n; i <= 5000n; i++) track(i * 16n, { size: 1, free: nobody }).dispose();
  const kept = [];
  for (let i = 1n; i <= 5000n; i++) kept.push(track(i * 32n, { size: 1, free: nobody }));
  let twice = 0;
  for (let i = 1n; i <= 10_000n; i++) {
    try {
      again(i * 16n, { free: nobody }).dispose();
    } catch (error) {
      expect(error.code).toBe(CODE);
      twice++;
    }
  }
  expect(twice).toBe(5000);
  for (const pointer of kept) pointer.dispose();
});

test('pointers that free nothing may share any address', () => {
  const pointer = make();
  const inside = track(pointer.address, { size: 0, free: null });
  inside.dispose();
  const first = track(4096n, { size: 0, free: null });
  const second = track(4096n, { size: 0, free: nobody });
  for (const each of [pointer, first, second]) each.dispose();
});

describe('shared', () => {
  const reference = (shared) => track(4096n, { size: 1, free: nobody, label: 'counted', shared });

  test('both are: allowed, as often as you like', () => {
    const references = Array.from({ length: 5 }, () => reference(true));
    references.pop().dispose();
    references.shift().dispose();
    references.push(reference(true));
    expectRefusal(() => reference(false), Error, CODE);
    for (const each of references) each.dispose();
    reference(false).dispose();
  });

  test('only one is: refused', () => {
    const first = reference(false);
    expectRefusal(() => reference(true), Error, CODE);
    first.dispose();
  });

  test('is no synonym of anything', () => {
    expectRefusal(() => reference(1), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
    expectRefusal(() => reference(null), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
  });
});

describe('the drop-in', () => {
  // It returns its argument, as a C function does that gives what it was lent.
  const declare = (options, oneOff) => {
    const { T, Owned } = ownedThing(options);
    const library = koffi.load(counting);
    const result = oneOff === undefined ? Owned : `${T} *`;
    const args = [`${result} thing_interior(${T} *thing, size_t offset)`];
    if (oneOff !== undefined) args.push(oneOff);
    return {
      Owned,
      make: library.func(`${Owned} thing_new(size_t bytes)`),
      same: library.func(...args),
      id: library.func(`int64_t thing_id(${T} *thing)`),
    };
  };

  test('a function that gives what it was lent', () => {
    const { Owned, make: create, same, id } = declare();
    const thing = create(10);
    const error = expectRefusal(() => same(thing, 0), Error, CODE);
    expect(error.message.split(Owned).length - 1).toBe(2);
    expect(id(thing)).toBeGreaterThan(0);
    thing.dispose();
  });

  test('owned(), shared', () => {
    // What counts references here is this test: C would free it with each.
    const { make: create, same } = declare({ shared: true, free: nobody });
    const thing = create(10);
    const other = same(thing, 0);
    other.dispose();
    things.free(thing.address);
    thing.dispose();
    expect(() => ownedThing({ shared: 'yes' })).toThrow(TypeError);
  });

  test('for one function, shared', () => {
    const { make: create, same } = declare({ shared: true }, { free: nobody, size: 0, shared: true });
    const thing = create(10);
    same(thing, 0).dispose();
    thing.dispose();
    expect(() => declare({}, { shared: true })).toThrow(
      expect.objectContaining({ code: 'ERR_TALLY_UNSUPPORTED' }),
    );
  });

  test('what has an address inside of another, and frees nothing', () => {
    const { make: create, same } = declare({}, { keeps: 0 });
    const thing = create(10);
    same(thing, 0).dispose();
    thing.dispose();
  });
});

describe('the switch', () => {
  test('off is as if it had never been on', () => {
    const pointer = track(4096n, { size: 1, free: nobody });
    configure({ checked: false });
    again(4096n, { free: nobody }).dispose();
    configure({ checked: true });
    again(4096n, { free: nobody }).dispose();
    pointer.dispose();
  });

  test('small pointers wait for a slot again once it is off', async () => {
    configure({ checked: false });
    // The nursery is cut short for a moment where the process has grown.
    await gcUntil('one waits', () => {
      const waiting = nursery.nextIndex;
      const pointer = make(10);
      const waits = nursery.nextIndex === waiting + 1;
      pointer.dispose();
      return waits;
    });
  });

  test('only true and false', () => {
    expectRefusal(() => configure({ checked: 1 }), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
    expect(configure().checked).toBe(true);
  });

  const program = `
    const { Worker, isMainThread } = require('node:worker_threads');
    const { configure, track } = require('./lib');
    const attempt = () => {
      const first = track(4096n, { size: 1, free: () => {} });
      try { track(4096n, { size: 1, free: () => {} }).dispose(); return 'tracked'; }
      catch (error) { return error.code; }
      finally { first.dispose(); }
    };
    console.log(isMainThread ? 'main' : 'worker', configure().checked, attempt());
  `;

  inChildren.test.each([
    ['1', `true ${CODE}`],
    ['0', 'false tracked'],
    ['', 'false tracked'],
  ])('FFI_TALLY_CHECKED=%s, in a worker too', async (value, expected) => {
    const child = await runChild(`${program} new Worker(${JSON.stringify(program)}, { eval: true });`, {
      env: { FFI_TALLY_CHECKED: value },
    });
    expect(child).toEqual({
      code: 0,
      signal: null,
      stdout: `main ${expected}\nworker ${expected}\n`,
      stderr: '',
    });
  });
});

inChildren.test('where the stack ends: what is tracked keeps its destructor', async () => {
  const child = await runChild('test/programs/books/checked-at-stack-end.js');
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  expect(JSON.parse(child.stdout)).toEqual({ bytes: 0, failed: 0, twice: 0, lost: false, enough: true });
});
