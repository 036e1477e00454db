'use strict';

// Owned types over char *: the caller gets a string, C's copy is freed at once, and there is nothing to track.

const { promisify } = require('node:util');
const { collect, stats } = require('../../../lib');
const { expectBalance, expectRefusal } = require('../../support/balance.js');
const { counting, counting2, isKoffi2, koffi, things, unique } = require('./setup.js');
const platform = require('../../support/platform.js');
const { counters } = things;

const library = koffi.load(counting);
const libc = koffi.load(platform.libc);

beforeEach(things.reset);
afterEach(expectBalance);

const forms = [
  ['the name of a C function', 'thing_free'],
  ['an address', things.FREE],
  ['a JavaScript function', (pointer) => things.free(pointer)],
  ['a Koffi function', things.free],
];

describe.each(forms)('freed by %s', (_, free) => {
  test('a string, not a pointer', () => {
    const Text = unique('Text');
    koffi.owned(Text, 'char *', { free });
    const text = library.func(`${Text} thing_text(size_t length)`)(5);
    expect(text).toBe('xxxxx');
    expect(counters()).toMatchObject({ made: 1, freed: 1, live: 0 });
    expect(stats().pointers).toBe(0);
  });

  test('the type object, in the classic form', () => {
    const type = koffi.owned(unique('Text'), 'char *', { free });
    expect(library.func('thing_text', type, ['size_t'])(3)).toBe('xxx');
    expect(counters()).toMatchObject({ freed: 1, live: 0 });
  });

  test('NULL is null, and nothing is freed', () => {
    const Text = unique('Text');
    koffi.owned(Text, 'char *', { free });
    expect(library.func(`${Text} thing_text(size_t length)`)(2 ** 41)).toBe(null);
    expect(counters()).toMatchObject({ made: 0, freed: 0 });
  });

  test('thousands keep no memory', () => {
    const Text = unique('Text');
    koffi.owned(Text, 'char *', { free });
    const make = library.func(`${Text} thing_text(size_t length)`);
    for (let i = 0; i < 2000; i++) make(10_000);
    expect(counters()).toMatchObject({ made: 2000, freed: 2000 });
    expect(counters().peak_bytes).toBe(10_001);
  });
});

test('asynchronously', async () => {
  const Text = unique('Text');
  koffi.owned(Text, 'char *', { free: 'thing_free' });
  const make = library.func(`${Text} thing_text(size_t length)`);
  const text = await new Promise((resolve, reject) => {
    make.async(4, (error, result) => (error ? reject(error) : resolve(result)));
  });
  expect(text).toBe('xxxx');
  expect(counters()).toMatchObject({ made: 1, freed: 1 });
});

test('of libc', () => {
  const Text = unique('Text');
  koffi.owned(Text, 'char *', { free: 'free' });
  expect(libc.func(`${Text} ${platform.posix('strdup')}(const char *text)`)('äöü')).toBe('äöü');
});

test('as an out parameter', () => {
  const Text = unique('Text');
  koffi.owned(Text, 'char *', { free: 'thing_free' });
  // Its first use is an argument: the destructor must be known by then, too.
  const out = [null];
  library.func(`void thing_act(const char *script, _Out_ ${Text} *out)`)('s>', out);
  expect(out).toEqual(['xxx']);
  expect(counters()).toMatchObject({ made: 1, freed: 1 });
});

describe('as a member of a struct', () => {
  function declareNote() {
    const [Text, Note, Outer] = ['Text', 'Note', 'Outer'].map(unique);
    koffi.owned(Text, 'char *', { free: 'thing_free' });
    koffi.struct(Note, { text: Text, code: 'int' });
    koffi.struct(Outer, { note: Note });
    return { Text, Note, Outer };
  }

  test('of a result, in whatever comes first', async () => {
    const { Note, Outer } = declareNote();
    expect(library.func(`${Note} thing_note(size_t length, int code)`)(4, 7)).toEqual({
      text: 'xxxx',
      code: 7,
    });
    const note = library.func('thing_note', Outer, ['size_t', 'int']);
    expect(note(4, 7)).toEqual({ note: { text: 'xxxx', code: 7 } });
    expect(await promisify(note.async)(4, 7)).toEqual({ note: { text: 'xxxx', code: 7 } });
    expect(counters()).toMatchObject({ made: 3, freed: 3 });
  });

  test('that C fills', () => {
    const { Outer } = declareNote();
    const store = library.func(`void thing_store_note(_Out_ ${Outer} *note, size_t length, int code)`);
    const outer = {};
    store(outer, 3, 8);
    expect(outer).toEqual({ note: { text: 'xxx', code: 8 } });
    expect(counters()).toMatchObject({ made: 1, freed: 1 });
  });

  test('where it would be lost, or taken: refused', () => {
    const { Text, Note, Outer } = declareNote();
    for (const prototype of [
      `${Note} *thing_note(size_t length, int code)`,
      `void thing_store_note(${Note} *note)`,
      `void thing_store_note(_Inout_ ${Outer} *note)`,
      `void thing_store_note(${Outer} note)`,
      `int thing_make(_Out_ ${Text} **out)`,
    ]) {
      const error = expectRefusal(() => library.func(prototype), TypeError, 'ERR_TALLY_UNSUPPORTED');
      expect(error.message).toMatch(/plain pointer|write '_Out_/);
    }
  });
});

test('in an array that C fills: NULL is not freed', () => {
  const Text = unique('Text');
  const freed = [];
  const free = library.func('void thing_free(void *thing)');
  koffi.owned(Text, 'char *', { free: (pointer) => (freed.push(pointer), free(pointer)) });
  const out = [null, null];
  library.func(`void thing_act(const char *script, _Out_ ${Text} *out)`)('s>', out);
  expect(out).toEqual(['xxx', null]);
  expect(freed).toHaveLength(1);
});

test('wide strings', () => {
  const [bits, type] = platform.windows ? [16, 'char16_t *'] : [32, 'char32_t *'];
  const Text = unique('Text');
  koffi.owned(Text, isKoffi2 ? 'str16' : type, { free: 'free' });
  const duplicate = `${Text} ${platform.posix('wcsdup')}(str${bits} text)`;
  if (!isKoffi2) expect(libc.func(duplicate)('wide')).toBe('wide');
});

test('of a library that is loaded several times, until the last of it is unloaded', () => {
  const Text = unique('Text');
  koffi.owned(Text, 'char *', { free: 'thing_free' });
  const loads = Array.from({ length: 3 }, () => koffi.load(counting));
  const makes = loads.map((loaded) => loaded.func(`${Text} thing_text(size_t length)`));
  expect(makes.map((make) => make(3))).toEqual(['xxx', 'xxx', 'xxx']);
  loads[2].unload();
  loads[0].unload();
  expect(makes[1](3)).toBe('xxx');
  expect(library.func(`${Text} thing_text(size_t length)`)(3)).toBe('xxx');
  expect(counters()).toMatchObject({ made: 5, freed: 5, live: 0, foreign_frees: 0 });
  loads[1].unload();
});

test('of another library, after the first was unloaded', () => {
  const Text = unique('Text');
  koffi.owned(Text, 'char *', { free: 'thing_free' });
  const first = koffi.load(counting);
  first.func(`${Text} thing_text(size_t length)`)(3);
  first.unload();
  first.unload();
  const second = koffi.load(counting2);
  expect(second.func(`${Text} thing_text(size_t length)`)(3)).toBe('xxx');
  const counter = second.func('int64_t counter(const char *name)');
  expect(['made', 'freed', 'foreign_frees'].map((name) => Number(counter(name)))).toEqual([1, 1, 0]);
  second.unload();
});

test('of a second library: refused, with what to do', () => {
  const Text = unique('Text');
  koffi.owned(Text, 'char *', { free: 'thing_free' });
  library.func(`${Text} thing_text(size_t length)`);
  library.func(`${Text} text_new(size_t length)`);
  const other = koffi.load(counting2);
  const error = expectRefusal(
    () => other.func(`${Text} thing_text(size_t length)`),
    TypeError,
    'ERR_TALLY_UNSUPPORTED',
  );
  expect(error.message).toContain(Text);
});

test('a destructor that the library does not have', () => {
  const Text = unique('Text');
  koffi.owned(Text, 'char *', { free: 'no_such_function' });
  const error = expectRefusal(
    () => library.func(`${Text} thing_text(size_t length)`),
    Error,
    'ERR_TALLY_UNKNOWN_SYMBOL',
  );
  expect(error.message).toContain('no_such_function');
  expect(error.message).toContain(Text);
});

const testVariable = stats().backend === 'native' && process.platform !== 'darwin' ? test : test.skip;

testVariable('a variable, which is no function to call: by name and by address', () => {
  const Text = unique('Text');
  koffi.owned(Text, 'char *', { free: 'thing_free_variable' });
  for (const attempt of [
    () => library.func(`${Text} thing_text(size_t length)`),
    () => koffi.owned(unique('Text'), 'char *', { free: things.symbol('thing_free_variable') }),
  ]) {
    const error = expectRefusal(attempt, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
    expect(error.message).toContain('is a variable. If a function is in it, give that');
  }
});

test('what Koffi frees in any case cannot depend on the outcome; with a pointer beside it, that can', () => {
  const Text = unique('Text');
  koffi.owned(Text, 'char *', { free: 'thing_free' });
  for (const prototype of [
    `${Text} thing_text(size_t length)`,
    `int thing_make(_Out_ ${Text} *out, size_t bytes)`,
  ]) {
    const error = expectRefusal(
      () => library.func(prototype, { gives: () => true }),
      TypeError,
      'ERR_TALLY_UNSUPPORTED',
    );
    expect(error.message).toContain("over 'void *'");
  }
  const Owned = unique('Owned');
  koffi.owned(Owned, 'void *', { free: 'thing_free', size: 1 });
  library.func(`int thing_make(_Out_ ${Owned} *out, _Out_ ${Text} *text)`, { gives: () => true });
});

test('options for one function: nothing is left of what Koffi makes a string of', () => {
  const error = expectRefusal(
    () => library.func('char *thing_text(size_t length)', { free: 'thing_free', size: 1 }),
    TypeError,
    'ERR_TALLY_UNSUPPORTED',
  );
  expect(error.message).toContain("owned(name, 'char *', { free })");
});

test.each([
  ['no options', undefined, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
  ['no free', {}, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
  ['null for free', { free: null }, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
  ['an empty name for free', { free: '' }, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
  ['a size: there is nothing to measure', { free: 'free', size: 5 }, TypeError, 'ERR_TALLY_UNKNOWN_OPTION'],
])('bad declarations: %s', (_, options, Class, code) => {
  expectRefusal(() => koffi.owned(unique('Text'), 'char *', options), Class, code);
});

test('a string type may be borrowed as any string', () => {
  const Text = unique('Text');
  koffi.owned(Text, 'char *', { free: 'free' });
  expect(Number(libc.func('size_t strlen(const char *text)')('four'))).toBe(4);
  collect();
});

test('a callback that returns one is refused: C would free a copy of which Koffi disposes', () => {
  const [Text, Give] = ['Text', 'Give'].map(unique);
  koffi.owned(Text, 'char *', { free: 'thing_free' });
  const type = koffi.pointer(koffi.proto(`${Text} ${Give}(int value)`));
  const unsupported = [TypeError, 'ERR_TALLY_UNSUPPORTED'];
  expectRefusal(() => library.func('thing_from', 'void', [type]), ...unsupported);
  expectRefusal(() => library.func(`void thing_from(${Give} *give)`), ...unsupported);
  expectRefusal(() => koffi.register(() => 'text', type), ...unsupported);
});
