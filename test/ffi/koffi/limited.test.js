'use strict';
// Types of which C has few: `most`. The referee has twenty handles.

const { promisify } = require('node:util');
const { TrackedPointer, collect, stats } = require('../../../lib');
const binding = require('../../../lib/binding');
const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { gcUntil } = require('../../support/gc-until.js');
const { counting, isKoffi2, koffi, things, unique } = require('./setup.js');

const library = koffi.load(counting);
const { counters } = things;
const OPTIONS = { free: 'handle_close', invalid: -1, most: 20 };

beforeEach(things.reset);
afterEach(async () => {
  // V8 may keep one for a while, in a frame that has returned.
  await gcUntil('all are gone', () => {
    collect();
    return stats().pointers === 0;
  });
  await expectBalance();
});

// Without a binary memory is freed on the event loop only.
const describeNative = binding.backend === 'native' ? describe : describe.skip;

const open1 = (options = OPTIONS) => library.func('int handle_open()', options);
const handles = (count, open) => Array.from({ length: count }, open);
const end = (list) => list.forEach((each) => each.dispose());

describeNative('the 21st of 20 handles', () => {
  test('is there while the others are garbage', () => {
    const open = open1();
    let last; // V8 may keep the last one for a while
    for (let i = 0; i < 500; i++) expect((last = open())).toBeInstanceOf(TrackedPointer);
    expect(counters().made).toBe(500);
    last.dispose();
  });

  test('is there while most of the others are alive, by a collection after C has given none', () => {
    const open = open1();
    const kept = handles(15, open);
    let last; // V8 may keep the last one for a while
    for (let i = 0; i < 50; i++) expect((last = open())).toBeInstanceOf(TrackedPointer);
    end([...kept, last]);
  });

  test('is not there while all others are alive, and C is not asked twice', () => {
    const open = open1();
    const kept = handles(20, open);
    const { major } = stats().collections;
    expect(open()).toBe(null);
    expect(stats().collections.major).toBeGreaterThan(major);
    end(kept);
  });

  test('asynchronous', async () => {
    const open = promisify(open1().async);
    let last; // Koffi keeps the last callback for a while
    for (let i = 0; i < 50; i++) expect((last = await open())).toBeInstanceOf(TrackedPointer);
    last.dispose();
  });

  test('asynchronous, where several at once find that there are none', async () => {
    const open = promisify(open1().async);
    const many = (count) => Promise.all(handles(count, () => open()));
    end(await many(15));
    await many(15); // garbage
    const found = await many(12);
    expect(found).toEqual(found.map(() => expect.any(TrackedPointer)));
    end(found);
  });

  if (isKoffi2) return;

  test.each([
    ['told by gives', { gives: (code) => code === 0 }],
    ['told by what is stored', {}],
  ])('stored by C: %s', (_, options) => {
    const Handle = unique('Handle');
    koffi.owned(Handle, 'int', OPTIONS);
    const pair = library.func(`int handle_pair(_Out_ ${Handle} *pair)`, options);
    for (let i = 0; i < 50; i++) {
      const box = [null, null];
      expect(pair(box)).toBe(0);
      expect(box).toEqual([expect.any(TrackedPointer), expect.any(TrackedPointer)]);
    }
  });

  test('without most, it is not there', () => {
    const Handle = unique('Handle');
    const { most, ...options } = OPTIONS;
    koffi.owned(Handle, 'int', options);
    const open = library.func(`${Handle} handle_open()`);
    expect(handles(most + 1, open)[most]).toBe(null);
  });
});

test('many that are alive ask for few collections', () => {
  const Thing = unique('Thing');
  koffi.owned(Thing, 'void *', { free: 'thing_free', size: 16, most: 100 });
  const make = library.func(`${Thing} thing_new(size_t bytes)`);
  const { major } = stats().collections;
  const kept = handles(1000, () => make(16));
  expect(stats().collections.major - major).toBeLessThan(25);
  end(kept);
});

test('most that is no number, or none', () => {
  const wrong = (most) => () => koffi.owned(unique('Thing'), 'void *', { free: null, size: 1, most });
  expectRefusal(wrong(0), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
  expectRefusal(wrong(-1), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
  expectRefusal(wrong('1'), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
  expectRefusal(() => library.func('int handle_open()', { most: 1 }), TypeError, 'ERR_TALLY_UNSUPPORTED');
});
