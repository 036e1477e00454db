/** @jest-environment ./test/support/once.js */
'use strict';
// Each example is a program that a user would start from. They run as they are; one whose C library is missing here
// is skipped, and says so.

const fs = require('node:fs');
const path = require('node:path');
const koffi = require('koffi');
const ts = require('typescript');
const { runChild } = require('./support/child.js');
const nodeWithFfi = require('./support/node-with-ffi.js');
const { combinations } = require('./support/whole.js');

const isMac = process.platform === 'darwin';
const directory = path.join(__dirname, '../examples');

const examples = {
  'gd.js': [
    isMac ? 'libgd.dylib' : 'libgd.so.3',
    /^a PNG file of \d+ bytes, signature 89504e470d0a1a0a$/,
    /^its pixel: #336699$/,
    /^the sum of 400 pixels: 79800$/,
    /^peak below 256 MB: true$/,
    /^images left: 0$/,
  ],
  'leaky.js': [isMac ? 'libgd.dylib' : 'libgd.so.3', /^600 colours$/],
  'libc.js': [
    isMac ? 'libSystem.dylib' : 'libc.so.6',
    /^200 mappings of 4 MB, peak below 256 MB: true$/,
    /^mappings left: 0$/,
    /^a string that C allocated$/,
    /^written into memory: 19 bytes, in a block of at least as many$/,
    /^first line: 'use strict';$/,
  ],
  'libxml2.js': [
    isMac ? 'libxml2.dylib' : 'libxml2.so.2',
    /^apple, pear, fig$/,
    /^not XML: null$/,
    /^1000 documents, peak below 256 MB: true$/,
    /^documents and nodes left: 0$/,
  ],
  'metered.js': [
    isMac ? 'libxml2.dylib' : 'libxml2.so.2',
    /^one document has all that was allocated: true$/,
    /^freed, all is back: true$/,
    /^200 documents, peak below 256 MB: true$/,
  ],
  'node-ffi.js': [
    isMac ? 'libgd.dylib' : 'libgd.so.3',
    /^the sum of 1000 pixels: 499500$/,
    /^peak below 256 MB: true$/,
    /^destroyed by hand: true$/,
    /^images left: 0$/,
  ],
  'metrics-service.js': [
    isMac ? 'libgd.dylib' : 'libgd.so.3',
    /^images drawn: 200$/,
    /^native memory never above 128 MB: true$/,
    /^terms of the resident memory: heap, tracked, buffers, .*rest$/,
  ],
  'sqlite.js': [
    isMac ? 'libsqlite3.dylib' : 'libsqlite3.so.0',
    /^apple$/,
    /^pear$/,
    /^closed: true, still in the books: 2$/,
    /^after the last statement: 0$/,
    /^after 500 forgotten databases: 0$/,
    /^statements and databases closed by garbage collection: 1000$/,
  ],
  'thumbnail-service.js': [
    isMac ? 'libgd.dylib' : 'libgd.so.3',
    /^the last thumbnail: 100 x 75$/,
    /^no image: 415$/,
    /^past the limit: 503$/,
    /^told to Prometheus: true$/,
    /^images left: 0$/,
    /^never above 64 MB: true$/,
  ],
  'zstd.js': [
    isMac ? 'libzstd.dylib' : 'libzstd.so.1',
    /^310000 bytes became \d+$/,
    /^the context grew with its use: true, the books know: true$/,
    /^unpacked, it is the same: true$/,
    /^peak below 256 MB: true$/,
    /^contexts left: 0$/,
  ],
};

function canLoad(library) {
  try {
    koffi.load(library);
    return true;
  } catch {
    process.emitWarning(`${library} is not installed: its example is not tested`);
    return false;
  }
}

test('every example is tested', () => {
  const files = fs.readdirSync(directory).filter((name) => name !== 'sqlite.mts');
  expect(files.sort()).toEqual(Object.keys(examples).sort());
});

/** The same program as an ES module: what a reader changes who writes `import`. */
function asModule(name) {
  const source = fs
    .readFileSync(path.join(directory, name), 'utf8')
    .replace("'use strict';\n", '')
    .replace(/__filename/g, `'${path.join(directory, name)}'`)
    .replace(/^const (\{[^}]*\}|\w+) = require\(('.*')\);$/gm, (line, names, from) => {
      return `import ${names.replace(/(\w+): (\w+)/g, '$1 as $2')} from ${from};`;
    })
    .replace(/= require\(([^']*\?.*)\);/g, '= (await import($1)).default;');
  const file = path.join(__dirname, '../build/examples', name.replace(/\.js$/, '.mjs'));
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, source);
  return file;
}

for (const [name, [library, ...expected]] of Object.entries(examples)) {
  const node = name === 'node-ffi.js' ? nodeWithFfi(`examples/${name}`) : process.execPath;
  const canRun = canLoad(library) && node !== undefined;
  const runs = async (file) => {
    const execArgv = name === 'node-ffi.js' ? ['--disable-warning=ExperimentalWarning'] : [];
    const { stdout, ...rest } = await runChild(file, { node, execArgv });
    expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(expected.length);
    expected.forEach((pattern, i) => expect(lines[i]).toMatch(pattern));
  };
  (canRun ? test : test.skip)(`examples/${name}`, () => runs(path.join(directory, name)));
  if (!canRun) continue;
  combinations.test(`examples/${name}, as an ES module`, () => runs(asModule(name)));
}

(canLoad(examples['sqlite.js'][0]) ? test : test.skip)('examples/sqlite.mts', async () => {
  const source = fs.readFileSync(path.join(directory, 'sqlite.mts'), 'utf8');
  const module = ts.ModuleKind.ESNext;
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module, target: ts.ScriptTarget.ES2022 },
  });
  const file = path.join(__dirname, '../build/examples/sqlite-typescript.mjs');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, outputText);
  expect(await runChild(file)).toEqual({ code: 0, signal: null, stderr: '', stdout: 'apple\nleft: 0\n' });
});
