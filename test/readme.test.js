/** @jest-environment ./test/support/once.js */
'use strict';
// Runs every block of JavaScript and TypeScript in the documentation, and compares what it prints with the text block
// after it. That TypeScript compiles is tested by types.test.js.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const koffi = require('koffi');
const ts = require('typescript');
const { runChild } = require('./support/child.js');
const { linksOf, withoutBlocks } = require('./support/links.js');
const nodeWithFfi = require('./support/node-with-ffi.js');

const root = path.join(__dirname, '..');
// Inside of the repository, where 'ffi-tally' means the repository itself.
const directory = path.join(root, 'build/readme');

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...fs
    .readdirSync(path.join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

const read = (page) => fs.readFileSync(path.join(root, page), 'utf8');

// What becomes of a block in each of them. There are no others: a misspelt language would not be run.
const LANGUAGES = {
  js: 'run',
  ts: 'compiled and run',
  text: 'compared with what the block before it prints',
  json: 'parsed',
  sh: 'shown: commands to type',
  '': 'shown: what a program or command has printed, a tree of files, a Dockerfile',
};

// Blocks that cannot run, by what is in them, and why. What they bind in C must be there all the same.
const NOT_RUN = {
  "require('ffi-napi')": 'shows what is replaced: ffi-napi is not among our dependencies',
};

/** The blocks of a page that are run, as { line, language, code, output }; output is undefined where the page gives none. */
function blocksOf(page) {
  const text = read(page);
  const pattern = /^```(js|ts)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/gms;
  return [...text.matchAll(pattern)].map(({ index, 1: language, 2: code, 3: output }) => ({
    line: text.slice(0, index).split('\n').length,
    language,
    code,
    output,
  }));
}

/** Whatever in a page could open or close a block, also where it is indented, quoted or of tildes. */
const fencesOf = (page) => read(page).match(/^[ \t>*+.\d-]*(```|~~~).*$/gm) ?? [];

/** Runs a block of ffi-napi with a stand-in for it, which finds the C functions that are bound and calls none. */
function bindOnly(code) {
  const Library = (file, functions) => {
    const library = koffi.load(file);
    for (const name of Object.keys(functions)) library.func(name, 'void', []);
  };
  new Function('require', code)(() => ({ Library }));
}

const toJavaScript = ({ language, code }) =>
  language === 'js'
    ? code
    : ts.transpile(code, { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 });

/** The C libraries that a block loads and that are not here. */
function missingLibraries(code) {
  const names = [...code.matchAll(/\b(?:load|dlopen|Library)\('([^']+)'/g)].map(([, name]) => name);
  return names.filter((name) => {
    try {
      koffi.load(name).unload();
      return false;
    } catch {
      return true;
    }
  });
}

beforeAll(() => {
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true });
});

describe.each(pages)('%s', (page) => {
  const blocks = blocksOf(page);

  test('has blocks of known languages only, and closes them', () => {
    const fences = fencesOf(page);
    const known = Object.keys(LANGUAGES).map((language) => `\`\`\`${language}`);
    expect(fences.filter((fence, i) => (i % 2 === 0 ? !known.includes(fence) : fence !== '```'))).toEqual([]);
    expect(fences.length % 2).toBe(0);
  });

  test('says what a block prints only where one is run', () => {
    const outputs = fencesOf(page).filter((fence) => fence === '```text');
    expect(outputs.length).toBe(blocks.filter(({ output }) => output !== undefined).length);
  });

  test('has JSON that can be parsed', () => {
    for (const [, json] of read(page).matchAll(/^```json\n(.*?)^```$/gms)) JSON.parse(json);
  });

  if (blocks.length === 0) return; // a page of prose

  const needsFfi = blocks.some(({ code }) => code.includes('ffi-tally/node-ffi'));
  const ffiNode = needsFfi ? nodeWithFfi(page) : undefined;

  test.each(blocks)('line $line', async ({ line, language, code, output }) => {
    const missing = missingLibraries(code);
    const node = code.includes('ffi-tally/node-ffi') ? ffiNode : process.execPath;
    if (node === undefined) missing.push('a Node with node:ffi');
    if (missing.length > 0) {
      const text = `NOT RUN: ${page}, line ${line}: ${missing.join(', ')} is not installed`;
      if (process.env.CI === 'true') throw new Error(text);
      console.warn(text);
      return;
    }
    if (Object.keys(NOT_RUN).some((text) => code.includes(text))) return bindOnly(code);
    const extension = language === 'ts' || /^import /m.test(code) ? 'mjs' : 'cjs';
    const file = path.join(directory, `${page.replace(/\W/g, '-')}-${line}.${extension}`);
    fs.writeFileSync(file, toJavaScript({ language, code }));
    const { code: status, signal, stdout, stderr } = await runChild(file, { node });
    // Warnings are welcome there; a block that fails shows why.
    expect({ status, signal, stderr: status === 0 ? '' : stderr }).toEqual({
      status: 0,
      signal: null,
      stderr: '',
    });
    if (output !== undefined) expect(stdout).toBe(output);
  });
});

test('what is not run is still there, once', () => {
  const all = pages.flatMap(blocksOf).map(({ code }) => code);
  for (const text of Object.keys(NOT_RUN)) {
    expect([text, all.filter((code) => code.includes(text)).length]).toEqual([text, 1]);
  }
});

test('the README has an example of at most 15 lines', () => {
  const [example] = blocksOf('README.md');
  expect(example.code.split('\n').length - 1).toBeLessThanOrEqual(15);
  expect(example.output).toBeDefined();
});

describe('docs/ownership.md has an example of every form', () => {
  const examples = ['docs/ownership.md', 'docs/choosing-a-size.md']
    .flatMap(blocksOf)
    .map(({ code }) => code)
    .join('\n');

  const typings = read('types/ownership.d.ts');
  const interfaces = [...typings.matchAll(/^export interface (?:Owned|Function)Options \{$(.*?)^\}$/gms)];
  const options = interfaces.flatMap(([, body]) =>
    [...body.matchAll(/^ {2}(\w+)\??:/gm)].map(([, name]) => name),
  );

  test.each([...new Set(options)])('%s', (option) => {
    expect(examples).toMatch(new RegExp(`\\b${option}: `));
  });

  test.each([
    ['C gives by a result', /func\(\s*'Block \w+\(/],
    ['C gives by _Out_', /_Out_ Block \*/],
    ['C takes', /\(Block block/],
    ['C takes and gives: _Inout_', /_Inout_ Line \*/],
    ['a string', /owned\('\w+', 'char \*'/],
    ['free: a name', /free: '\w+'/],
    ['free: a name, with bound arguments', /symbol: '\w+', args: \[/],
    ['free: an address', /free: \w+\.symbol\('/],
    ['free: an address, with bound arguments', /address: \w+\.symbol\('\w+'\), args: \[/],
    ['free: a function', /free: \(address\) =>/],
    ['free: nothing', /free: null/],
    ['size: a number', /size: \d/],
    ['size: of the allocator', /size: 'malloc'/],
    ['size: a C function', /size: '\w+_\w+'/],
    ['size: a function', /size: \(\w+, \w+.*\) =>/],
    ['size: of a struct', /struct\('(\w+)'.*\n.*owned\('\w+', '\1 \*', \{ free: '\w+' \}/],
    ['an asynchronous call', /\.async\(/],
    ['track()', /= track\(/],
    ['release()', /\.release\(\)/],
    ['memory', /\.alloc\(.*\{\s*owned: true,?\s*\}/],
    ['a callback', /\.register\([^;]*\{\s*owned: true,?\s*\}/],
    ['an array that is refused', /_Out_ Block \*\*/],
    ['a member of a struct that is refused', /func\('Pair /],
  ])('%s', (_, form) => {
    expect(examples).toMatch(form);
  });
});

/** What the tree in CONTRIBUTING.md names, with the folders that it is in; folders end with a slash. */
function namesInTree() {
  const [, tree] = /^## Which file to open$.*?^```\n(.*?)^```$/ms.exec(read('CONTRIBUTING.md'));
  const folders = [];
  return tree
    .trimEnd()
    .split('\n')
    .flatMap((line) => {
      const [, branches, rest] = /^((?:[│├└─ ]{4})*)(.*)$/.exec(line);
      const names = rest.split(/ {2,}/).slice(0, -1); // the last part is words
      folders.length = branches.length / 4;
      const within = folders.join('');
      if (names[0]?.endsWith('/')) folders.push(names[0]);
      return names.map((name) => within + name);
    });
}

describe('the tree in CONTRIBUTING.md', () => {
  const named = namesInTree();
  const tracked = spawnSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' });
  const isClone = tracked.status === 0 && tracked.stdout !== ''; // coverage is measured in a copy that Git ignores

  test('says of every room what it is for, and of every source that is in none', () => {
    const entries = ['lib', 'native'].flatMap((directory) =>
      fs
        .readdirSync(path.join(root, directory), { recursive: true, withFileTypes: true })
        .map((entry) => [path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)), entry]),
    );
    const rooms = entries.filter(([, entry]) => entry.isDirectory()).map(([name]) => `${name}/`);
    const alone = entries.map(([name]) => name).filter((name) => /^(lib|native)\/[^/]+\.\w+$/.test(name));
    expect([...rooms, ...alone].filter((name) => !named.includes(name))).toEqual([]);
  });

  (isClone ? test : test.skip)('says it of everything at the top', () => {
    const topOf = (names) => [...new Set(names.map((name) => name.split('/')[0]))].sort();
    expect(topOf(named)).toEqual(topOf(tracked.stdout.trimEnd().split('\n')));
  });

  test('names nothing that is not there, and nothing twice', () => {
    const isThere = (name) => fs.existsSync(path.join(root, name.replace(/\.\*$/, '.h')));
    expect(named.filter((name) => !isThere(name))).toEqual([]);
    expect(named.filter((name, i) => named.indexOf(name) !== i)).toEqual([]);
  });
});

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  ...fs.readdirSync(path.join(root, 'docs')).map((name) => `docs/${name}`),
]
  .filter((name) => name.endsWith('.md'))
  .map((name) => path.join(root, name));

/** The links of a page to files, relative to it, and the anchors in it that others may link to. */
function linksAndAnchors(file) {
  const text = withoutBlocks(fs.readFileSync(file, 'utf8'));
  const titles = [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) => title.toLowerCase());
  const anchors = titles.map((title) => title.replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'));
  return { links: linksOf(text), anchors };
}

test('docs/README.md lists every page', () => {
  const { links } = linksAndAnchors(path.join(root, 'docs/README.md'));
  const pages = fs.readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md'));
  expect(pages.filter((name) => name !== 'README.md' && !links.includes(name))).toEqual([]);
});

test.each(PAGES.map((file) => [path.relative(root, file), file]))('%s links to what is there', (_, file) => {
  const { links } = linksAndAnchors(file);
  const broken = links.filter((link) => {
    const [name, anchor] = link.split('#');
    const target = name === '' ? file : path.join(path.dirname(file), name);
    if (!fs.existsSync(target)) return true;
    return (
      anchor !== undefined && target.endsWith('.md') && !linksAndAnchors(target).anchors.includes(anchor)
    );
  });
  expect(broken).toEqual([]);
});
