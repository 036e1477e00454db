'use strict';
// The drop-in is Koffi. Compared with the Koffi that is installed, at run time, so that a new release shows what is
// missing.

const { errorOf, expectBalance } = require('../../support/balance.js');
const { runChild } = require('../../support/child.js');
const inChildren = require('../../support/in-children.js');
const {
  counting,
  declareThings,
  isKoffi2,
  koffi,
  koffiName,
  ownedThing,
  raw,
  things,
  unique,
} = require('./setup.js');
const platform = require('../../support/platform.js');

const library = koffi.load(counting);
const rawLibrary = raw.load(counting);

beforeEach(things.reset);
afterEach(expectBalance);

// The door itself, `ffi-tally/koffi`, has withOwnership() too.
const ADDED = koffiName === 'koffi' ? ['owned', 'withOwnership'] : ['owned'];
const WRAPPED = [
  'load', 'out', 'inout', 'reset', 'alloc', 'free', 'view', 'register', 'unregister', 'address', 'as', 'call',
  'decode', 'encode', 'proto', 'callback',
].filter((name) => name in raw); // prettier-ignore

describe('exports', () => {
  test('every one of Koffi is there, and nothing but ours beside them', () => {
    const ours = Object.keys(koffi).sort();
    expect(ours).toEqual([...Object.keys(raw), ...ADDED].sort());
  });

  test('what is not replaced is the same', () => {
    const replaced = [];
    for (const name of Object.keys(raw)) {
      if (name === 'default') continue;
      if (koffi[name] !== raw[name]) replaced.push(name);
    }
    expect(replaced.sort()).toEqual([...WRAPPED].sort());
  });

  test('what is replaced looks the same', () => {
    for (const name of WRAPPED) {
      expect(typeof koffi[name]).toBe(typeof raw[name]);
      expect(koffi[name].name).toBe(raw[name].name);
      expect(Object.keys(koffi[name])).toEqual(Object.keys(raw[name]));
    }
  });

  test('the koffi that was given is not changed', () => {
    expect(raw.owned).toBe(undefined);
    expect(Object.keys(raw.load(counting))).not.toContain('owned');
  });

  const requireAndImport = `
    const koffi = require('./lib/ffi/koffi');
    import('./lib/ffi/koffi/index.mjs').then(async (named) => {
      const theirs = await import('koffi');
      const missing = Object.keys(theirs).filter((name) => !(name in named));
      const different = Object.keys(named).filter((name) => name !== 'default' && named[name] !== koffi[name]);
      const lost = Object.keys(koffi).filter((name) => name !== 'module.exports' && !(name in named));
      console.log(JSON.stringify({ missing, different, lost, same: named.default === koffi, owned: typeof named.owned }));
    });
  `;

  inChildren.test('by name and by default, imported and required: the same objects', async () => {
    const child = await runChild(requireAndImport);
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    const { missing, ...rest } = JSON.parse(child.stdout);
    expect(missing.filter((name) => name !== 'module.exports')).toEqual([]);
    expect(rest).toEqual({ different: [], lost: [], same: true, owned: 'function' });
  });

  inChildren.test('through the name of the package, required and imported', async () => {
    const code = `
      const koffi = require('ffi-tally/koffi');
      import('ffi-tally/koffi').then((named) => {
        const { withOwnership } = koffi;
        const own = require('koffi');
        console.log(named.default === koffi, withOwnership(own) === koffi || withOwnership(own).owned !== undefined,
          withOwnership(own) === withOwnership(own), withOwnership(koffi) === koffi, own.version === koffi.version);
      });
    `;
    const child = await runChild(code);
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '', stdout: 'true true true true true\n' });
  });
});

describe('withOwnership()', () => {
  const { withOwnership } = require('../../../lib/ffi/koffi');

  test('is the same object for the same koffi', () => {
    expect(withOwnership(raw)).toBe(koffi);
    expect(withOwnership(koffi)).toBe(koffi);
  });

  test.each([[undefined], [null], [7], ['koffi'], [{}], [{ load() {} }]])('refuses %p', (value) => {
    const error = errorOf(() => withOwnership(value));
    expect(error.code).toBe('ERR_TALLY_INVALID_ARG_TYPE');
    expect(error).toBeInstanceOf(TypeError);
  });
});

describe('a library', () => {
  test('has the members of one of Koffi', () => {
    expect(Object.keys(library).sort()).toEqual(Object.keys(rawLibrary).sort());
    for (const name of ['func', 'symbol', 'unload', 'cdecl', 'stdcall', 'fastcall', 'thiscall']) {
      expect(typeof library[name]).toBe(typeof rawLibrary[name]);
    }
    expect(Object.getPrototypeOf(library)).toBe(Object.getPrototypeOf(rawLibrary));
    if (raw.LibraryHandle !== undefined) expect(library instanceof raw.LibraryHandle).toBe(true);
  });

  test('symbol', () => {
    const type = isKoffi2 ? ['void *'] : [];
    const address = (pointer) => things.addressOf(pointer);
    expect(address(library.symbol('thing_new', ...type))).toBe(
      address(rawLibrary.symbol('thing_new', ...type)),
    );
  });

  test('is disposed by `using`, where Koffi is', () => {
    for (const symbol of [Symbol.dispose, Symbol.for('nodejs.dispose')]) {
      if (symbol === undefined || !(symbol in rawLibrary)) continue;
      const other = koffi.load(counting);
      expect(typeof other[symbol]).toBe('function');
      expect(other[symbol]()).toBe(undefined);
    }
    const descriptor = (lib) => Reflect.ownKeys(lib).filter((key) => Object.getOwnPropertyDescriptor(lib, key).enumerable); // prettier-ignore
    expect(descriptor(library)).toEqual(descriptor(rawLibrary));
  });
});

describe('a function without ownership', () => {
  test('is the one that Koffi made', () => {
    const theirs = rawLibrary.func('int64_t counter(const char *name)');
    const ours = library.func('int64_t counter(const char *name)');
    expect(Reflect.ownKeys(ours)).toEqual(Reflect.ownKeys(theirs));
    expect(ours.toString()).toBe(theirs.toString());
    expect(ours.toString()).toContain('[native code]');
    expect(ours.info.name).toBe('counter');
    expect([ours.name, ours.length]).toEqual([theirs.name, theirs.length]);
    expect(typeof ours.async).toBe('function');
  });

  test('options that mean nothing to Koffi are refused, not passed on', () => {
    const error = errorOf(() => library.func('int64_t counter(const char *name)', { nothing: 1 }));
    expect(error.code).toBe('ERR_TALLY_UNKNOWN_OPTION');
  });
});

describe('a function with ownership', () => {
  test('looks like one of Koffi', () => {
    const { T, Owned } = ownedThing();
    for (const [prototype, plain] of [
      [`int64_t thing_id(${T} *thing)`, 'int64_t thing_id(void *thing)'],
      [`${Owned} thing_new(size_t bytes)`, 'void *thing_new(size_t bytes)'],
      [`${Owned} thing_grow(${Owned} thing, size_t bytes)`, 'void *thing_grow(void *thing, size_t bytes)'],
    ]) {
      const ours = library.func(prototype);
      const theirs = rawLibrary.func(plain);
      expect([ours.name, ours.length, ours.info.name]).toEqual([
        theirs.name,
        theirs.length,
        theirs.info.name,
      ]);
      expect(ours.info.arguments).toHaveLength(theirs.info.arguments.length);
      expect(Object.keys(ours).sort()).toEqual(Object.keys(theirs).sort());
      expect(typeof ours.async).toBe('function');
    }
  });

  const conventions = ['cdecl', 'stdcall', 'fastcall', 'thiscall'];

  test.each(conventions)('declared by lib.%s()', (convention) => {
    const { T, Owned } = ownedThing();
    const make = library[convention]('thing_new', Owned, ['size_t']);
    const id = library[convention]('thing_id', 'int64_t', [`${T} *`]);
    const take = library[convention]('thing_free', 'void', [Owned]);
    const thing = make(100);
    expect(thing).toMatchObject({ label: Owned, size: 100 });
    expect(Number(id(thing))).toBeGreaterThan(0);
    take(thing);
    expect(thing.disposed).toBe(true);
  });

  test.each(conventions)('declared with __%s', (convention) => {
    const { T, Owned } = ownedThing();
    const make = library.func(`__${convention}`, 'thing_new', Owned, ['size_t']);
    const id = library.func(`int64_t __${convention} thing_id(${T} *thing)`);
    const thing = make(100);
    expect(Number(id(thing))).toBeGreaterThan(0);
    const options = library.func(`__${convention}`, 'thing_new', `${T} *`, ['size_t'], {
      free: 'thing_free',
      size: 1,
    });
    options(1).dispose();
    thing.dispose();
  });

  test('returns what Koffi returns, of every type', () => {
    const { T } = declareThings();
    const thing = things.make(100);
    const pairs = [
      [`size_t thing_size(${T} *thing)`, 'size_t thing_size(void *thing)'],
      [`int64_t thing_id(${T} *thing)`, 'int64_t thing_id(void *thing)'],
      [`void *thing_interior(${T} *thing, size_t at)`, 'void *thing_interior(void *thing, size_t at)', 5],
    ];
    for (const [ours, theirs, ...rest] of pairs) {
      const [a, b] = [library.func(ours)(thing, ...rest), rawLibrary.func(theirs)(thing, ...rest)];
      expect(typeof a).toBe(typeof b);
      expect(isKoffi2 && typeof a === 'object' ? raw.address(a) : a).toEqual(isKoffi2 && typeof b === 'object' ? raw.address(b) : b); // prettier-ignore
    }
    things.free(thing);
  });

  test('throws what Koffi throws: class and message', () => {
    const { T, Owned } = ownedThing();
    const Plain = unique('Plain');
    koffi.opaque(Plain);
    const ours = library.func(`void thing_enlarge(${T} *thing, size_t bytes)`);
    const theirs = rawLibrary.func(`void thing_enlarge(${Plain} *thing, size_t bytes)`);
    const calls = [[], [null], [null, 1, 2], [null, 'text'], [null, {}], [null, undefined], [true, 1], ['text', 1], [Symbol.iterator, 1]]; // prettier-ignore
    const attempt = (func, args) => {
      try {
        return { result: func(...args) };
      } catch (error) {
        return {
          name: error.constructor.name,
          message: error.message.replaceAll(T, Plain),
          code: error.code,
        };
      }
    };
    for (const args of calls) expect(attempt(ours, args)).toEqual(attempt(theirs, args));
    for (const args of [
      [],
      ['no_such_function', Owned, []],
      [`${Owned} no_such_function()`],
      [`${Owned} ???`],
    ]) {
      const plain = args.map((arg) => (typeof arg === 'string' ? arg.replace(Owned, `${Plain} *`) : arg));
      const [a, b] = [errorOf(() => library.func(...args)), errorOf(() => rawLibrary.func(...plain))];
      expect(a.constructor.name).toBe(b.constructor.name);
      if (!a.message.includes('???')) expect(a.message).toBe(b.message);
      expect(a.code).toBe(b.code);
    }
    things.reset();
  });
});

inChildren.test('reset() forgets owned types, so that their names can be used again', async () => {
  const code = `
    const koffi = require('./lib/ffi/koffi').withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI));
    const { counting, counters } = require('./test/support/counting.js');
    for (const size of [1, 2]) {
      koffi.opaque('Thing');
      koffi.owned('Owned', 'Thing *', { free: 'thing_free', size });
      const kept = koffi.load(counting).func('Owned thing_new(size_t bytes)')(10);
      console.log(kept.size);
      koffi.reset();
      kept.dispose();
    }
    koffi.pointer('Owned', koffi.opaque('Thing'));
    const plain = koffi.load(counting).func('Owned thing_new(size_t bytes)')(10);
    console.log(koffi.reset.name, typeof plain === typeof koffi.load(counting).symbol('thing_new', 'void *'));
  `;
  const child = await runChild(code, { env: { FFI_TALLY_TEST_KOFFI: koffiName } });
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '', stdout: '1\n2\nreset true\n' });
});

// Koffi 2 frees what it told of a type twice, at exit, where a disposable type was derived from that one since.
inChildren.test.each([
  ['void *', `koffi.owned('Owned', 'void *', { free: 'thing_free', size: 1 })`],
  ['Thing *', `koffi.owned('Owned', 'Thing *', { free: 'thing_free', size: 1 })`],
  ['Thing **', `koffi.alloc('Thing **', 1, { owned: true })`],
  ['First', `lib.func('void thing_free(First thing)')`],
  ['char *', `koffi.alloc('char *', 1, { owned: true })`],
])('a program ends well that has a disposable %s after %s', async (type, before) => {
  const code = `
    const { koffi } = require('./test/ffi/koffi/setup.js');
    const { counting } = require('./test/support/counting.js');
    const lib = koffi.load(counting);
    koffi.opaque('Thing');
    koffi.owned('First', 'void **', { free: 'thing_free', size: 1 });
    ${before};
    try {
      lib.func('${type}! thing_new(size_t bytes)')(10);
    } catch (error) {
      if ('${type}' !== 'First') throw error; // it is owned already
    }
    koffi.disposable('Disposable', '${type}', () => {});
    console.log('end');
  `;
  const child = await runChild(code, { env: { FFI_TALLY_TEST_KOFFI: koffiName } });
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '', stdout: 'end\n' });
});

inChildren.describe('types that others ask Koffi about too', () => {
  const run = (code) =>
    runChild(
      `const raw = require(process.env.FFI_TALLY_TEST_KOFFI);
      const load = () => require('./lib/ffi/koffi').withOwnership(raw);
      const { counting } = require('./test/support/counting.js');
      const { libc } = require('./test/support/platform.js');
      raw.opaque('Thing');
      function use(koffi, name = 'Owned') {
        koffi.owned(name, 'Thing *', { free: 'thing_free', size: 1 });
        koffi.load(counting).func('void thing_free(void *thing)');
        const lib = koffi.load(libc);
        lib.func('void *memchr(void *text, int byte, size_t size)');
        lib.func('size_t strlen(char *text)');
        lib.func('size_t wcslen(wchar_t *text)');
      }
      ${code}
      console.log('end');`,
      { env: { FFI_TALLY_TEST_KOFFI: koffiName } },
    );
  const ended = { code: 0, signal: null, stdout: 'end\n', stderr: '' };

  test.each(['void *', 'Thing *', 'char *', 'wchar_t *'])('%s, before we do', async (type) => {
    expect(await run(`(raw.type ?? raw.introspect)('${type}'); use(load());`)).toEqual(ended);
  });

  test('and reset', async () => {
    expect(
      await run("const koffi = load(); use(koffi); koffi.reset(); raw.opaque('Thing'); use(koffi);"),
    ).toEqual(ended);
  });

  test('and our own code, loaded again', async () => {
    const code = `
      use(load());
      for (const file of Object.keys(require.cache)) if (!file.endsWith('.node')) delete require.cache[file];
      use(load(), 'Other');`;
    expect(await run(code)).toEqual(ended);
  });

  test('a disposable wide string', async () => {
    const code = `
      const koffi = load();
      use(koffi);
      const text = koffi.load(libc).func('wchar_t *! ${platform.posix('wcsdup')}(wchar_t *text)')('wide');
      if (text !== 'wide') throw new Error(text);`;
    expect(await run(code)).toEqual(ended);
  });

  test('and reset where we do not see it: what has the address of a type that was owned is not', async () => {
    const code = `
      const koffi = load();
      koffi.owned('Block', 'void *', { free: 'thing_free', size: 16 });
      raw.reset();
      for (let i = 0; i < 6; i++) {
        raw.opaque('Another' + i);
        const made = koffi.load(counting).func(\`Another\${i} *thing_new(size_t bytes)\`)(10);
        if (made.constructor?.name === 'TrackedPointer') throw new Error('owned: ' + i);
      }`;
    expect(await run(code)).toEqual(ended);
  });
});

// There Koffi's errno is that of the C runtime in it, and no other library's.
(platform.windows ? test.skip : test)('errno is that of the call, also after one with ownership', () => {
  const { make } = declareThings();
  const libc = koffi.load(platform.libc);
  const write = libc.func('int64_t write(int fd, void *data, size_t size)');
  const thing = make(10);
  koffi.errno(0);
  expect(Number(write(-1, thing, 1))).toBe(-1);
  expect(koffi.errno()).toBe(koffi.os.errno.EBADF);
  thing.dispose();
});

inChildren.describe('a program prints the same through Koffi and through the drop-in', () => {
  const run = (program, way) =>
    runChild('test/ffi/koffi/programs/run.js', {
      args: [program, way],
      // Enough that V8 collects nothing: Node ends the process when a finalizer of Koffi's runs while Koffi throws.
      execArgv: ['--no-deprecation', '--min-semi-space-size=16'],
      env: { FFI_TALLY_TEST_KOFFI: koffiName },
    });

  test.each(['functions', 'types', 'callbacks', 'strings', 'state'])('%s', async (program) => {
    const expected = await run(program, 'raw');
    expect(expected).toMatchObject({ code: 0, signal: null });
    expect(expected.stdout).toMatch(/'done'\n$/);
    expect(await run(program, 'dropin')).toEqual(expected);
    expect(await run(program, 'dropin-owning')).toEqual(expected);
  });
});
