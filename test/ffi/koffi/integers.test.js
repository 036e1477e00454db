'use strict';
// Owned integers: descriptors and handles, 0 included.

const { promisify } = require('node:util');
const { TrackedPointer, collect, configure, track } = require('../../../lib');
const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { libc } = require('../../support/platform.js');
const { counting, isKoffi2, koffi, ownedThing, things, unique } = require('./setup.js');

const library = koffi.load(counting);
const { counters } = things;

beforeEach(things.reset);
afterEach(expectBalance);

const OPTIONS = { free: 'handle_close', invalid: -1 };

function declare(options = OPTIONS) {
  const Handle = unique('Handle');
  koffi.owned(Handle, 'int', options);
  return { Handle, open: library.func(`${Handle} handle_open()`) };
}

// Koffi 2 has no integer types of their own: only the options of one function.
const openers = [
  ...(isKoffi2
    ? []
    : [
        ['an owned type, in a prototype', () => declare().open],
        ['an owned type, in the classic form', () => library.func('handle_open', declare().Handle, [])],
        ['an owned type of 64 bits', () => declareWide()],
      ]),
  ['options of one function', () => library.func('int handle_open()', OPTIONS)],
  ['a predicate', () => library.func('int handle_open()', { ...OPTIONS, invalid: (handle) => handle < 0 })],
  [
    'a destructor in JavaScript',
    () => {
      const close = library.func('int handle_close(int handle)');
      return library.func('int handle_open()', { ...OPTIONS, free: (handle) => void close(handle) });
    },
  ],
];

function declareWide() {
  const Wide = unique('Wide');
  koffi.owned(Wide, 'int64_t', OPTIONS);
  return library.func(`${Wide} handle_wide()`);
}

describe.each(openers)('by %s', (_, make) => {
  test('0 is a handle, -1 is none', () => {
    const open = make();
    const all = Array.from({ length: 20 }, () => open());
    expect(all[0]).toBeInstanceOf(TrackedPointer);
    expect(all.map(({ address }) => Number(address))).toEqual([...Array(20).keys()]);
    expect(open()).toBe(null);
    for (const each of all) each.dispose();
    (() => open())();
    collect();
    expect(counters()).toMatchObject({ made: 21, freed: 21, double_frees: 0 });
  });

  test('asynchronous', async () => {
    const handle = await promisify(make().async)();
    handle.dispose();
    expect(handle.disposed).toBe(true);
  });
});

describe('what C gets', () => {
  test('is borrowed, by every integer parameter of that type that is declared later', async () => {
    const open = library.func('int handle_open()', OPTIONS);
    const isOpen = library.func('int handle_is_open(int handle)');
    const classic = library.func('handle_is_open', 'int', ['int']);
    const handle = open();
    expect([isOpen(handle), classic(handle), isOpen(0), isOpen(7)]).toEqual([1, 1, 1, 0]);
    const later = promisify(isOpen.async)(handle);
    handle.dispose();
    expect(await later).toBe(1); // it is closed after the call
    expectRefusal(() => isOpen(handle), ReferenceError, 'ERR_TALLY_DISPOSED');
  });

  test('is in a member of a struct', () => {
    const open = library.func('int handle_open()', OPTIONS);
    const HandleCode = unique('HandleCode');
    koffi.struct(HandleCode, { handle: 'int', code: 'int' });
    const code = library.func(`int handle_code(const ${HandleCode} *found)`);
    const handle = open();
    expect(code({ handle, code: 7 })).toBe(7);
    handle.dispose();
  });

  test('tells calls apart that replace what is kept', () => {
    const open = library.func('int handle_open()', OPTIONS);
    const replaces = { keeps: { forever: 0 }, replaces: 1 };
    const keep = library.func('int count_sleeping(void *kept, int by)', replaces);
    const { Owned } = ownedThing();
    const make = library.func(`${Owned} thing_new(size_t bytes)`);
    const [one, two] = [open(), open()];
    for (const each of [one, two]) {
      const thing = make(10);
      keep(thing, each);
      thing.dispose();
    }
    expect(counters().freed).toBe(0); // neither has replaced the other
    for (const each of [one, two]) keep(null, each);
    expect(counters().freed).toBe(2);
    for (const each of [one, two]) each.dispose();
  });

  test('is closed by hand once', () => {
    const handle = library.func('int handle_open()', OPTIONS)();
    const close = library.func('int handle_close(int handle)');
    expect(close(handle)).toBe(0);
    expect(handle.disposed).toBe(true);
    expectRefusal(() => close(handle), ReferenceError, 'ERR_TALLY_DISPOSED');
    handle.dispose();
    expect(counters()).toMatchObject({ made: 1, freed: 1, double_frees: 0 });
  });
});

(isKoffi2 ? describe.skip : describe)('an owned type', () => {
  test('is taken', () => {
    const { Handle, open } = declare();
    const close = library.func(`int handle_close(${Handle} handle)`);
    const handle = open();
    close(handle);
    expectRefusal(() => close(handle), ReferenceError, 'ERR_TALLY_DISPOSED');
    expect(counters()).toMatchObject({ made: 1, freed: 1, double_frees: 0 });
  });

  test.each([
    ['in a prototype', (Handle) => [`int handle_pair(_Out_ ${Handle} *pair)`]],
    ['in the classic form', (Handle) => ['handle_pair', 'int', [koffi.out(koffi.pointer(Handle))]]],
  ])('is stored by C, %s', (_, declaration) => {
    const { Handle } = declare();
    const pair = [null, null];
    library.func(...declaration(Handle), { gives: (result) => result === 0 })(pair);
    expect(pair.map(({ address }) => address)).toEqual([0n, 1n]);
    for (const each of pair) each.dispose();
  });

  test('is taken and given', () => {
    const { Handle, open } = declare();
    const box = [open()];
    const [first] = box;
    expect(library.func(`int handle_swap(_Inout_ ${Handle} *handle)`)(box)).toBe(0);
    expect([first.disposed, box[0].address]).toEqual([true, 0n]);
    box[0].dispose();
  });

  test('is given by a function pointer', () => {
    const { Handle } = declare();
    const Open = koffi.proto(`${Handle} ${unique('Open')}()`);
    koffi.call(library.symbol('handle_open'), Open).dispose();
    koffi.decode(library.symbol('handle_open'), Open)().dispose();
    expect(counters()).toMatchObject({ made: 2, freed: 2 });
  });

  test('tells what was returned to who asks', () => {
    const seen = [];
    const see = (value) => void seen.push(value);
    const Handle = unique('Handle');
    koffi.owned(Handle, 'int', {
      free: 'handle_close',
      size: (handle) => see(handle) ?? 100,
      invalid: (handle) => see(handle) ?? handle < 0,
    });
    const gives = (handle) => see(handle) ?? true;
    const handle = library.func(`${Handle} handle_open()`, { gives })();
    expect([handle.size, ...seen]).toEqual([100, 0, 0, 0]);
    handle.dispose();
  });

  test('is declared again with the same meaning, and not with another', () => {
    const { Handle } = declare();
    koffi.owned(Handle, 'int', OPTIONS);
    const invalid = [RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'];
    expectRefusal(() => koffi.owned(Handle, 'int', { free: 'handle_close' }), ...invalid);
    expectRefusal(() => koffi.owned(Handle, 'int64_t', OPTIONS), ...invalid);
    expectRefusal(() => koffi.owned(unique('Handle'), 'int', { ...OPTIONS, size: 'malloc' }), ...invalid);
    for (const wrong of [
      () => koffi.owned(unique('Handle'), 'int', { ...OPTIONS, compare: 'malloc' }),
      () => koffi.owned(unique('Handle'), 'double', OPTIONS),
      () => koffi.owned(unique('Handle'), 'int', { ...OPTIONS, shared: false }),
    ]) {
      expectRefusal(wrong, TypeError, 'ERR_TALLY_UNSUPPORTED');
    }
  });

  test('two types may have equal integers, in the checked mode, too', () => {
    const { checked } = configure();
    configure({ checked: true });
    const [first, second] = [declare(), declare()];
    const handle = first.open();
    const other = koffi.call(
      koffi.load(libc).symbol('abs'),
      koffi.proto(`${second.Handle} ${unique('Abs')}(int x)`),
      0,
    );
    handle.dispose();
    other.release();
    configure({ checked });
  });
});

test('is no memory', () => {
  const handle = library.func('int handle_open()', { ...OPTIONS, size: 100 })();
  const { Owned, T } = ownedThing();
  const thing = library.func(`${Owned} thing_new(size_t bytes)`)(10);
  const isOpen = library.func('int handle_is_open(int handle)');
  const mismatch = [TypeError, 'ERR_TALLY_TYPE_MISMATCH'];
  expectRefusal(() => handle.view(), TypeError, 'ERR_TALLY_UNSUPPORTED');
  expectRefusal(() => handle.copy(), TypeError, 'ERR_TALLY_UNSUPPORTED');
  const error = expectRefusal(() => koffi.decode(handle, 'int'), RangeError, 'ERR_TALLY_OUT_OF_BOUNDS');
  expect(error.message).toContain('of 0 bytes');
  expectRefusal(() => koffi.encode(handle, 'int', 1), RangeError, 'ERR_TALLY_OUT_OF_BOUNDS');
  expectRefusal(() => library.func(`int64_t thing_id(${T} *thing)`)(handle), ...mismatch);
  expectRefusal(() => library.func('int64_t thing_id(void *thing)')(handle), ...mismatch);
  expectRefusal(() => isOpen(thing), ...mismatch);
  const pointer = track(1n << 40n, { size: 0, free: null, label: 'pointer' });
  const integer = track(7n, { size: 0, free: null });
  expectRefusal(() => isOpen(pointer), ...mismatch); // it would be cut
  expect(isOpen(integer)).toBe(0);
  for (const each of [pointer, integer]) each.dispose();
  for (const each of [handle, thing]) each.dispose();
});

test('of another type than the parameter: our error, which names both', () => {
  const handle = library.func('int handle_open()', OPTIONS)();
  for (const type of ['uint64_t', 'uint32_t', 'int8_t']) {
    const isOpen = library.func('handle_is_open', 'int', [type]);
    const error = expectRefusal(() => isOpen(handle), TypeError, 'ERR_TALLY_TYPE_MISMATCH');
    expect(error.message).toContain(`handle_open()`);
    expect(error.message).toContain(`'${type}'`);
    expect(isOpen(0)).toBe(1);
    const keep = () =>
      library.func('thing_act', 'int', ['const char *', 'void *', type], { keeps: { 1: 2 } });
    expectRefusal(keep, TypeError, 'ERR_TALLY_UNSUPPORTED'); // it would keep nothing
  }
  handle.dispose();
});

test('Koffi 2 has no owned type for it', () => {
  if (!isKoffi2) return;
  expectRefusal(() => koffi.owned(unique('Handle'), 'int', OPTIONS), TypeError, 'ERR_TALLY_UNSUPPORTED');
});

(isKoffi2 ? describe.skip : describe)('invalid', () => {
  test.each([
    ['uint32_t', -1],
    ['uint32_t', 0xffffffff],
    ['int32_t', -1],
    ['int32_t', 0xffffffff],
    ['int32_t', [1000, -1n]],
    ['uint8_t', -1],
  ])('%s: %p is an integer of its size, signed or not', (type, invalid) => {
    const Handle = unique('Handle');
    koffi.owned(Handle, type, { free: 'handle_close', invalid });
    const open = library.func(`${Handle} handle_open()`);
    const all = Array.from({ length: 20 }, () => open());
    expect(open()).toBe(null);
    for (const each of all) each.dispose();
  });

  test('what no integer of its size is is refused for invalid', () => {
    for (const [type, invalid] of [
      ['int', 2 ** 32],
      ['uint8_t', -129],
    ]) {
      const declared = () => koffi.owned(unique('Handle'), type, { free: 'handle_close', invalid });
      expectRefusal(declared, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
    }
  });
});
