/** @jest-environment ./test/support/once.js */
'use strict';
// Programs whose leaks are known, and programs without: the audit names the function, the line and the bytes of each, and
// accuses nobody else. What it proposes is pasted, and frees. FFI_TALLY_TEST_ROUNDS runs each of them so often.

const { runChild } = require('../../support/child.js');
const { isWhole } = require('../../support/whole.js');

const ROUNDS = Number(process.env.FFI_TALLY_TEST_ROUNDS ?? 1);
const COUNT = 200;
const SIZE = 20_000;

const prelude = `
const { audit, koffi, leaks, report } = require('./test/programs/tools/audit/setup.js');
const lib = koffi.load(require('./test/support/build.js')().leaks);
for (const name of ['Image', 'Base', 'Row', 'Widget', 'Buffer']) koffi.opaque(name);
koffi.struct('Pair', { count: 'int', bytes: 'void *' });
koffi.proto('void Call(int i)');
const free = koffi.load('libc.so.6').func('void free(void *block)');
const of = (prototype) => lib.func(prototype);
const image = {
  create: of('Image *image_create(size_t bytes)'),
  copy: of('Image *image_copy(Image *image, size_t bytes)'),
  reserve: of('Image *image_reserve(size_t bytes)'),
  look: of('void image_look(Image *image, size_t bytes)'),
  destroy: of('void image_destroy(Image *image)'),
  open: of('int image_open(size_t bytes, _Out_ Image **image)'),
};
const base = {
  open: of('Base *base_open()'),
  query: of('Row *base_query(Base *base, size_t bytes)'),
  row: of('Row *row_new(Base *base, size_t bytes)'),
  end: of('void base_end(Base *base, Row *row)'),
  append: of('Row *rows_append(Row *rows, size_t bytes)'),
  close: of('void base_close(Base *base)'),
};
const widget = { make: of('Widget *widget_new(size_t bytes)'), delete: of('void widget_delete(Widget *widget)') };
const buffer = { make: of('Buffer *buffer_new()'), add: of('void buffer_add(Buffer *buffer, size_t bytes)') };
const text = { make: of('char *text_make(size_t bytes)'), longer: of('void *text_longer(void *text, size_t bytes)') };
const raw = of('void *text_make(size_t bytes)');
const pair = { fill: of('void pair_fill(_Out_ Pair *pair, size_t bytes)'), clear: of('void pair_clear(Pair *pair)') };
const each = of('void each(int count, Call *call)');
const thread = of('void thread_keep(size_t bytes, bool frees)');
const log = { add: of('void log_add(size_t bytes)'), clear: of('void log_clear()') };
const look = of('void cache_look(int key, size_t bytes)');
const many = (use) => { for (let i = 0; i < ${COUNT}; i++) use(i); };
`;

const POINTER = 8;

// What each call leaves in \`bytes\`, on the line that ends with "// here".
const LEAKING = {
  'a result that is never freed': {
    use: 'many(() => {\n image.create(SIZE); // here\n});',
    by: 'image_create',
    bytes: SIZE + POINTER,
    paste: ['SIZE'],
  },
  'one of two callers does not free': {
    use: 'function good() { image.destroy(image.create(SIZE)); }\nfunction bad() { return image.create(SIZE); } // here\nmany(() => { good(); bad(); });',
    by: 'image_create',
    bytes: SIZE + POINTER,
    paste: ['SIZE'],
  },
  'a copy of what is freed': {
    use: 'many(() => { const one = image.create(SIZE);\n image.copy(one, SIZE); // here\n image.destroy(one); });',
    by: 'image_copy',
    bytes: SIZE + POINTER,
    paste: ['null', 'SIZE'],
  },
  'a result whose address was left in memory that is used again': {
    use: 'many(() => {\n const one = image.reserve(SIZE); // here\n image.look(one, SIZE); });',
    by: 'image_reserve',
    bytes: SIZE + POINTER,
    paste: ['SIZE'],
  },
  'a child of a live parent': {
    use: 'const one = base.open(); many(() => {\n base.query(one, SIZE); // here\n});',
    by: 'base_query',
    bytes: SIZE + 2 * POINTER,
  },
  'a child whose destructor seems to be known': {
    use: 'const one = base.open(); many(() => {\n base.row(one, SIZE); // here\n});',
    by: 'row_new',
    bytes: SIZE + 2 * POINTER,
  },
  'half of the children are ended, by what needs the parent': {
    use: 'many((i) => { const one = base.open();\n const row = base.query(one, SIZE); // here\n if (i % 2) base.end(one, row); free(one); });',
    by: 'base_query',
    bytes: (SIZE + 2 * POINTER) / 2,
  },
  'a list whose head comes back': {
    use: 'many(() => { let rows = null; for (let i = 0; i < 4; i++)\n rows = base.append(rows, SIZE); // here\n});',
    by: 'rows_append',
    bytes: 4 * (SIZE + 2 * POINTER),
  },
  'objects that others work on': {
    use: `const fill = of('void base_query(Base *base, size_t bytes)'); many((i) => {
 const one = base.open(); // here
 fill(one, SIZE); if (i % 4 === 0) base.close(one); });`,
    by: 'base_open',
    bytes: 0.75 * (SIZE + 3 * POINTER),
    paste: [],
    says: 'per call, with what base_query() adds: ',
  },
  'one function that keeps what it is told of objects': {
    use: `const note = of('void log_add(size_t bytes, Image *image)'); many(() => { const one = image.create(SIZE);
 note(SIZE, one); // here
 image.destroy(one); });`,
    by: 'log_add',
    bytes: SIZE + POINTER,
  },
  'one object that grows': {
    use: 'const one = buffer.make(); many(() => {\n buffer.add(one, SIZE); // here\n});',
    by: 'buffer_add',
    bytes: SIZE,
  },
  'a string': {
    use: 'many(() => {\n text.make(SIZE); // here\n});',
    by: 'text_make',
    bytes: SIZE,
    paste: ['SIZE'],
  },
  'an out-parameter': {
    use: 'many(() => {\n image.open(SIZE, [null]); // here\n});',
    by: 'image_open',
    bytes: SIZE + POINTER,
    paste: ['SIZE', '[null]'],
  },
  'a member of a struct': {
    use: 'many(() => {\n pair.fill({}, SIZE); // here\n});',
    by: 'pair_fill',
    bytes: SIZE,
  },
  'made in a callback': {
    use: `each(${COUNT}, () => {\n image.create(SIZE); // here\n});`,
    by: 'image_create',
    bytes: SIZE + POINTER,
    paste: ['SIZE'],
  },
  'called by a function of JavaScript': {
    use: 'many(() => {\n [SIZE].forEach(image.create); // here\n});',
    by: 'image_create',
    bytes: SIZE + POINTER,
    paste: ['SIZE'],
  },
  'more was made at first, and is kept': {
    use: 'const all = []; for (let i = 0; i < 50; i++) all.push(image.create(5 * SIZE)); many(() => {\n image.create(SIZE); // here\n});',
    by: 'image_create',
    bytes: SIZE + POINTER + (50 * (5 * SIZE + POINTER)) / COUNT,
    paste: ['SIZE'],
  },
  'made by a thread': {
    use: 'many(() => {\n thread(SIZE, false); // here\n});',
    by: 'thread_keep',
    bytes: SIZE,
  },
  reallocated: {
    use: 'many(() => { const small = raw(1000);\n text.longer(small, SIZE); // here\n});',
    by: 'text_longer',
    bytes: SIZE,
    paste: ['null', 'SIZE'],
  },
  'an object of C++': {
    use: 'many(() => {\n widget.make(SIZE); // here\n});',
    by: 'widget_new',
    bytes: SIZE + 101 + 32 + 24,
    paste: ['SIZE'],
  },
  'a static list that grows': {
    use: 'many(() => {\n log.add(SIZE); // here\n});',
    by: 'log_add',
    bytes: SIZE + POINTER,
  },
  'a cache without bounds': {
    use: 'many((i) => {\n look(i, SIZE); // here\n});',
    by: 'cache_look',
    bytes: SIZE + 24,
  },
  'a wrong destructor': {
    use: 'many(() => {\n const one = image.create(SIZE); // here\n free(one); });',
    by: 'image_create',
    bytes: SIZE,
    paste: ['SIZE'],
    says: 'Declare it as owned, and call `free` for it no more.',
  },
  'an owned type with a wrong destructor': {
    use: `koffi.owned('Wrong', 'Image *', { free: 'free', size: 0 });
const create = of('Wrong image_create(size_t bytes)');
many(() => {\n create(SIZE).dispose(); // here\n});`,
    by: 'image_create',
    bytes: SIZE,
  },
};

const CLEAN = {
  'results that are freed': 'many(() => image.destroy(image.create(SIZE)));',
  'copies that are freed':
    'many(() => { const one = image.create(SIZE); image.destroy(image.copy(one, SIZE)); image.destroy(one); });',
  'children that their parents free':
    'many(() => { const one = base.open(); base.query(one, SIZE); base.close(one); });',
  'children that are freed by themselves':
    'const one = base.open(); many(() => base.end(one, base.query(one, SIZE)));',
  'strings that Koffi frees': "const make = of('char *! text_make(size_t bytes)'); many(() => make(SIZE));",
  'out-parameters that are freed':
    'many(() => { const out = [null]; image.open(SIZE, out); image.destroy(out[0]); });',
  'members of structs that are freed':
    'many(() => { const one = {}; pair.fill(one, SIZE); free(one.bytes); });',
  'made in callbacks, and freed': `each(${COUNT}, () => image.destroy(image.create(SIZE)));`,
  'a thread that frees': 'many(() => thread(SIZE, true));',
  'reallocated and freed': 'many(() => free(text.longer(raw(1000), SIZE)));',
  'objects of C++ that are deleted': 'many(() => widget.delete(widget.make(SIZE)));',
  'a list that is cleared': 'many((i) => { log.add(SIZE); if (i % 10 === 9) log.clear(); });',
  'a cache with bounds': 'many((i) => look(i % 20, SIZE));',
  'what is made at first and kept':
    'const all = []; for (let i = 0; i < 30; i++) all.push(image.create(SIZE)); many(() => image.destroy(image.create(100)));',
  'a pool': `const pool = []; many((i) => { pool.push(image.create(SIZE)); if (i >= 20) image.destroy(pool.shift()); });`,
  'owned pointers': `koffi.owned('OwnedImage', 'Image *', { free: 'image_destroy' });
const create = of('OwnedImage image_create(size_t bytes)'); many(() => create(SIZE));`,
  'pointers that track() takes': `const { track } = require('./lib');
many(() => track(image.create(SIZE), { size: SIZE, free: image.destroy }));`,
  'freed by koffi.free()': 'many(() => koffi.free(raw(SIZE)));',
};

// What a function keeps to the end is added up over all that calls it.
const KEEPING = ['a cache with bounds', 'what is made at first and kept', 'a pool'];
const keeps = ([name]) => KEEPING.includes(name);
const clean = Object.entries(CLEAN);
const others = clean.filter((each) => !keeps(each)).map(([, use]) => `{ ${use} }\n`);

// What differs between the versions of Koffi: results, places, callbacks, strings. `npm test` tries only these with both.
const WITH_BOTH = ['an out-parameter', 'a string', 'made in a callback'];

function triedWith(version) {
  const all = Object.entries(LEAKING);
  return isWhole || version === 'koffi' ? all : all.filter(([name]) => WITH_BOTH.includes(name));
}

const describeLinux = process.platform === 'linux' ? describe : describe.skip;
const rounds = Array.from({ length: ROUNDS }, (_, round) => round);

async function run(body, version) {
  const code = `${prelude}${body}`.replaceAll('SIZE', SIZE);
  const child = await runChild(code, { env: { FFI_TALLY_TEST_KOFFI: version } });
  expect({ ...child, stdout: '' }).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  return {
    ...JSON.parse(child.stdout),
    line: code.split('\n').findIndex((line) => line.endsWith('// here')) + 1,
  };
}

describeLinux.each(['koffi', 'koffi2'])('with %s', (version) => {
  test.concurrent.each(triedWith(version))('%s', async (name, { use, by, bytes, paste, says = '' }) => {
    for (const round of rounds) {
      const { findings, line } = await run(`${use}\nreport();`, version);
      expect({ round, by: findings.map((finding) => finding.function) }).toEqual({ round, by: [by] });
      const [finding] = findings;
      expect(finding.places[0].stack.split('\n')[0]).toMatch(new RegExp(`\\[eval\\]:${line}:\\d+\\)?$`));
      expect(Math.abs(finding.bytes - COUNT * bytes)).toBeLessThanOrEqual(0.01 * COUNT * bytes);
      expect(finding.text).toContain(says);
      expect({ has: finding.code !== undefined }).toEqual({ has: paste !== undefined });
      if (paste === undefined) continue;
      // As it stands there: the last line is the function.
      const pasted = `const { collect } = require('./lib');
const binding = require('./lib/binding');
const proposed = (() => { ${finding.code.replace(/^lib\.func/m, 'return lib.func')} })();
const before = binding.allocatorBytes().inUse;
for (let i = 0; i < ${10 * COUNT}; i++) proposed(${paste.join(', ')});
collect();
console.error('left', binding.allocatorBytes().inUse - before < ${2 * COUNT} * SIZE);
report();`;
      const code = `${prelude}${pasted}`.replaceAll('SIZE', SIZE);
      const child = await runChild(code, { env: { FFI_TALLY_TEST_KOFFI: version } });
      expect({ ...child, stdout: '' }).toEqual({
        code: 0,
        signal: null,
        stdout: '',
        stderr: 'left true\n',
      });
      expect(JSON.parse(child.stdout).findings).toEqual([]);
    }
  });

  test.concurrent('no leak: all the others, which keep nothing, in one process', async () => {
    const { findings } = await run(`${others.join('')}report();`, version);
    expect(findings).toEqual([]);
  });

  test.concurrent.each(isWhole ? clean : clean.filter(keeps))('no leak: %s', async (name, use) => {
    for (const round of rounds) {
      const { findings } = await run(`${use}\nreport();`, version);
      expect({ round, findings }).toEqual({ round, findings: [] });
    }
  });
});
