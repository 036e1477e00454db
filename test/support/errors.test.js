'use strict';
// Every code of lib/support/errors.js is thrown by something that a user can do, documented, and typed.

const fs = require('node:fs');
const path = require('node:path');
const tally = require('../../lib');
const errors = require('../../lib/support/errors.js');
const { errorOf, expectBalance } = require('./balance.js');
const { runChild } = require('./child.js');
const { sources } = require('./sources.js');
const things = require('./things.js');

const { configure, handOver, reportExternal, takeOver, track } = tally;
const { FREE, koffi, counters } = things;
const root = path.join(__dirname, '../..');

beforeEach(things.reset);
afterEach(expectBalance);

// Any arguments that a message can be made of will do, an address too: the code is that of the class.
const toPrimitive = (hint) => (hint === 'number' ? 1n : 'anything');
const anything = () => Object.assign(['anything'], { accounts: [], [Symbol.toPrimitive]: toPrimitive });
const codeOf = (Class) => new Class(...Array.from({ length: 5 }, anything)).code;
const table = Object.entries(errors).filter(([name]) => name.endsWith('Error'));
const codes = table.map(([, Class]) => codeOf(Class));

const make = (bytes = 10, options = {}) => track(things.make(bytes), { size: bytes, free: FREE, ...options });

function dropIn() {
  const { withOwnership } = require('../../lib/ffi/koffi/with-ownership.js');
  const owning = withOwnership(koffi);
  return { owning, library: owning.load(require('./counting.js').counting) };
}

let names = 0;
const fresh = (name) => `${name}_of_errors_${names++}`;

/** A copy of the library in which something about the native half is different. */
function withBinding(change, use) {
  let result;
  jest.isolateModules(() => {
    const own = require('../../lib/binding');
    const copy = require('../../lib');
    Object.assign(own, change(own));
    result = use(copy);
  });
  return result;
}

/** A flush() of that binding's, without memory. */
const refuseFlush =
  ({ nursery, protocol }) =>
  () => {
    new Uint32Array(nursery, 0, 4)[3] = protocol.refusal.NO_MEMORY;
    return 0;
  };

const afterUse = (pointer, use) => {
  pointer.dispose();
  return errorOf(() => use(pointer));
};

/** How a user meets each code, and the class that it then has. */
const provoked = {
  ERR_TALLY_INVALID_ARG_TYPE: [() => errorOf(() => reportExternal('1')), TypeError],
  ERR_TALLY_INVALID_ARG_VALUE: [() => errorOf(() => reportExternal(0.5)), RangeError],
  ERR_TALLY_UNKNOWN_OPTION: [() => errorOf(() => configure({ bugdet: 1 })), TypeError],
  ERR_TALLY_NULL_POINTER: [() => errorOf(() => track(0n, { size: 0, free: null })), TypeError],
  ERR_TALLY_TAKEN_OVER: [
    () => {
      const token = handOver(make());
      takeOver(token).dispose();
      return errorOf(() => takeOver(token));
    },
    Error,
  ],
  ERR_TALLY_TRACKED_TWICE: [
    () => {
      const { checked } = configure();
      configure({ checked: true });
      const pointer = make();
      const error = errorOf(() => track(pointer.address, { size: 10, free: FREE }));
      pointer.dispose();
      configure({ checked });
      return error;
    },
    Error,
  ],
  ERR_TALLY_UNBALANCED: [() => errorOf(() => reportExternal(-1)), RangeError],
  ERR_TALLY_OVERFLOW: [
    () => {
      const huge = track(1n, { size: Number.MAX_SAFE_INTEGER, free: null });
      const error = errorOf(() => reportExternal(1));
      huge.dispose();
      return error;
    },
    RangeError,
  ],
  ERR_TALLY_LIMIT: [
    () => {
      const { limit } = configure();
      configure({ limit: 2 ** 20 });
      const error = errorOf(() => make(2 ** 21));
      configure({ limit });
      return error;
    },
    RangeError,
  ],
  ERR_TALLY_OUT_OF_BOUNDS: [
    () => {
      const block = dropIn().owning.alloc('int', 2, { owned: true });
      const error = errorOf(() => dropIn().owning.decode(block, 8, 'int'));
      block.dispose();
      return error;
    },
    RangeError,
  ],
  ERR_TALLY_OUT_OF_MEMORY: [
    () =>
      withBinding(
        (own) => ({ flush: refuseFlush(own) }),
        (copy) => errorOf(() => copy.track(things.make(2 ** 20), { size: 2 ** 20, free: FREE })),
      ),
    Error,
  ],
  ERR_TALLY_DESTRUCTOR: [
    () => {
      jest.spyOn(process, 'emitWarning').mockImplementationOnce(() => {});
      return errorOf(() => make(10, { free: { address: things.symbol('thing_lose'), ok: 0 } }).dispose());
    },
    Error,
  ],
  ERR_TALLY_DISPOSED: [() => afterUse(make(), (pointer) => pointer.address), ReferenceError],
  ERR_TALLY_IN_USE: [
    () => {
      const parent = make();
      const child = make(10, { parent });
      const error = errorOf(() => parent.release());
      child.dispose();
      parent.dispose();
      return error;
    },
    Error,
  ],
  ERR_TALLY_GIVEN_TWICE: [
    () => {
      const { owning, library } = dropIn();
      const name = fresh('Twice');
      owning.owned(name, 'void *', { free: 'thing_free', size: 10 });
      const pointer = library.func(`${name} thing_new(size_t bytes)`)(10);
      const error = errorOf(() =>
        library.func(`void thing_free_ctx(${name} a, ${name} b)`)(pointer, pointer),
      );
      pointer.dispose();
      return error;
    },
    Error,
  ],
  ERR_TALLY_TYPE_MISMATCH: [
    () => {
      const { owning, library } = dropIn();
      const [cat, dog] = [fresh('Cat'), fresh('Dog')];
      for (const name of [cat, dog]) {
        owning.opaque(name);
        owning.owned(`Owned${name}`, `${name} *`, { free: 'thing_free', size: 10 });
      }
      const pointer = library.func(`Owned${cat} thing_new(size_t bytes)`)(10);
      const error = errorOf(() => library.func(`int thing_value(${dog} *thing)`)(pointer));
      pointer.dispose();
      return error;
    },
    TypeError,
  ],
  ERR_TALLY_SIZE: [
    () => {
      const { owning, library } = dropIn();
      const name = fresh('Sizeless');
      owning.owned(name, 'void *', { free: 'thing_free', size: () => NaN });
      return errorOf(() => library.func(`${name} thing_new(size_t bytes)`)(10));
    },
    Error,
  ],
  ERR_TALLY_SIZE_REQUIRED: [
    () => {
      const binding = require('../../lib/binding');
      const { canPatch } = binding;
      binding.canPatch = false; // as on other platforms
      try {
        return errorOf(() => dropIn().owning.owned(fresh('Required'), 'void *', { free: 'thing_free' }));
      } finally {
        binding.canPatch = canPatch;
      }
    },
    TypeError,
  ],
  ERR_TALLY_UNKNOWN_SYMBOL: [
    () => {
      const { owning, library } = dropIn();
      const name = fresh('Unfreeable');
      owning.owned(name, 'void *', { free: 'no_such_function', size: 10 });
      return errorOf(() => library.func(`${name} thing_new(size_t bytes)`));
    },
    Error,
  ],
  ERR_TALLY_UNSUPPORTED: [
    () => errorOf(() => dropIn().owning.owned(fresh('Number'), 'double', { free: null, size: 1 })),
    TypeError,
  ],
  ERR_TALLY_NO_VIEWS: [
    () =>
      withBinding(
        () => ({ view: () => undefined }), // as in Electron
        (copy) => {
          const pointer = copy.track(things.make(10), { size: 10, free: FREE });
          const error = errorOf(() => pointer.view());
          pointer.dispose();
          return error;
        },
      ),
    Error,
  ],
  ERR_TALLY_NO_LIBFFI: [
    () =>
      withBinding(
        () => ({ canBind: false }),
        (copy) => errorOf(() => copy.track(1n, { size: 1, free: { address: FREE, args: [copy.POINTER] } })),
      ),
    Error,
  ],
  ERR_TALLY_NO_CALLER: [
    () =>
      withBinding(
        () => ({ canCall: false }), // no addon and no Koffi
        (copy) => errorOf(() => copy.track(1n, { size: 1, free: FREE, label: 'uncallable' })),
      ),
    Error,
  ],
  ERR_TALLY_ILLEGAL_CONSTRUCTOR: [() => errorOf(() => new tally.TrackedPointer()), TypeError],
};

/** Those that need a process of their own, or time: their tests are elsewhere. */
const elsewhere = {
  ERR_TALLY_NO_KOFFI: 'binding/binding.test.js',
  ERR_TALLY_NO_BINDING: 'binding/binding.test.js',
  ERR_TALLY_NO_NODE_FFI: 'ffi/node-ffi/node-ffi.test.js',
  ERR_TALLY_LEAK: 'figures/assert-no-leaks.test.js',
};

test('the codes are unique and look like ours', () => {
  expect(new Set(codes).size).toBe(codes.length);
  for (const code of codes) expect(code).toMatch(/^ERR_TALLY_[A-Z]+(_[A-Z]+)*$/);
});

test('each is thrown by something', () => {
  for (const code of codes) expect([code, code in provoked || code in elsewhere]).toEqual([code, true]);
  for (const [code, file] of Object.entries(elsewhere)) {
    expect(fs.readFileSync(path.join(root, 'test', file), 'utf8')).toContain(code);
  }
});

describe.each(Object.entries(provoked))('%s', (code, [provoke, Base]) => {
  test('is thrown, with its class, a message, and nothing lost', () => {
    const error = provoke();
    expect(error.code).toBe(code);
    expect(error).toBeInstanceOf(Base);
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe(Base.name);
    expect(error.message.length).toBeGreaterThan(10);
    expect(error.message).not.toMatch(/undefined|\[object/);
    expect(error.stack).toContain(error.message.split('\n')[0]);
  });
});

describe.each([
  ['docs/errors.md', (code) => `\`${code}\``],
  ['types/index.d.ts', (code) => `'${code}'`],
])('%s', (file, form) => {
  const text = () => fs.readFileSync(path.join(root, file), 'utf8');

  test.each(codes)('knows %s', (code) => {
    expect(text()).toContain(code);
  });

  test('knows no other', () => {
    for (const [code] of text().matchAll(/ERR_TALLY_[A-Z_]*[A-Z]/g)) expect(codes).toContain(code);
  });

  test('writes codes as codes', () => {
    for (const code of codes) expect([code, text().includes(form(code))]).toEqual([code, true]);
  });
});

test('no other code of the library is thrown from elsewhere', () => {
  for (const { name, source } of sources().filter((file) => file.name !== 'support/errors.js')) {
    expect([name, /ERR_TALLY|new (Type|Range|Reference)?Error\(/.test(source)]).toEqual([name, false]);
  }
});

describe('without memory', () => {
  test.each([
    ['for the books', 'flush', refuseFlush],
    ['for a kind', 'addKind', () => () => -1],
  ])('%s, the pointer is freed', (_, name, refuse) => {
    for (const free of [FREE, (address) => things.free(address)]) {
      things.reset();
      const error = withBinding(
        (own) => ({ [name]: refuse(own) }),
        (copy) => errorOf(() => copy.track(things.make(2 ** 20), { size: 2 ** 20, free, label: 'new' })),
      );
      expect(error.code).toBe('ERR_TALLY_OUT_OF_MEMORY');
      expect(counters()).toMatchObject({ made: 1, freed: 1, live: 0 });
    }
  });

  test('later, all is well again', () => {
    withBinding(
      () => ({}),
      (copy) => {
        const own = require('../../lib/binding');
        const { flush } = own;
        const kept = [];
        const small = () => copy.track(things.make(10), { size: 10, free: FREE });
        for (let i = 0; i < 50; i++) kept.push(small());
        own.flush = refuseFlush(own);
        let refused = 0;
        for (let i = 0; i < 600; i++) {
          try {
            kept.push(small());
          } catch (error) {
            expect(error.code).toBe('ERR_TALLY_OUT_OF_MEMORY');
            refused++;
          }
        }
        expect(refused).toBeGreaterThan(300);
        expect(counters().live).toBe(kept.length);
        own.flush = flush;
        expect(copy.stats().pointers).toBe(kept.length);
        for (const pointer of kept) pointer.dispose();
        expect(copy.stats()).toMatchObject({ bytes: 0, pointers: 0 });
      },
    );
    expect(counters()).toMatchObject({ made: 650, freed: 650, live: 0 });
  });
});

test('every code of a warning is in docs/errors.md, with its section', () => {
  const text = sources()
    .map(({ source }) => source)
    .join('\n');
  // Variables of the environment have such names too; those that a message names stand in quotes as well.
  const variables = ['FFI_TALLY_BACKEND', 'FFI_TALLY_RECORD', 'FFI_TALLY_TRACE'];
  const found = new Set(text.match(/(?<=')FFI_TALLY_\w+(?=')/g));
  const announced = [...found].filter((name) => !variables.includes(name)).sort();
  expect(announced).toContain('FFI_TALLY_DESTRUCTOR');

  const page = fs.readFileSync(path.join(root, 'docs/errors.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(FFI_TALLY_\w+)` +\| .* \| \[[^\]]+\]\(([^)]+)\) +\|$/gm)];
  expect(rows.map(([, code]) => code)).toEqual(announced);
  for (const [, code, link] of rows) {
    const [, after] = page.split('\n## What is announced\n');
    const section = link.startsWith('#') ? after : fs.readFileSync(path.join(root, 'docs', link), 'utf8');
    expect(section.replace(/^\|.*$/gm, '')).toContain(code);
  }
});

test('an error that nobody catches shows its code', async () => {
  const child = await runChild(`require('./lib').reportExternal(-1)`);
  expect(child).toMatchObject({ code: 1, signal: null, stdout: '' });
  expect(child.stderr).toContain('RangeError');
  expect(child.stderr).toContain(`code: 'ERR_TALLY_UNBALANCED'`);
  expect(child.stderr).toContain('Cannot give back 1 bytes: only 0 are reported');
});

test('errors go through structuredClone and util.inspect', () => {
  const error = errorOf(() => reportExternal(-1));
  expect(structuredClone(error).message).toBe(error.message);
  expect(require('node:util').inspect(error)).toContain('ERR_TALLY_UNBALANCED');
});
