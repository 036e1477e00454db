/** @jest-environment ./test/support/once.js */
'use strict';
// No complaint from the compiler, in the set-ups that our own tsconfig.json is not, nor about the examples.

const fs = require('node:fs');
const path = require('node:path');
const ts = require('typescript');
const { combinations, isWhole } = require('../support/whole.js');

const root = path.join(__dirname, '../..');
const inRoot = (name) => path.join(root, name);

const base = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2022.d.ts'],
  strict: true,
  noEmit: true,
  skipDefaultLibCheck: true, // those of TypeScript itself
  types: [],
};

const parsed = new Map(); // what set-up, which file: those of Node alone take a second

/** A host that parses each file once for all programs with the same options. */
function hostFor(options) {
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile;
  host.getSourceFile = (name, ...rest) => {
    const key = `${JSON.stringify(options)} ${name}`;
    if (!parsed.has(key)) parsed.set(key, read.call(host, name, ...rest));
    return parsed.get(key);
  };
  return host;
}

function programOf(files, more) {
  const options = { ...base, ...more };
  return ts.createProgram(files.map(inRoot), options, hostFor(options));
}

/** What the compiler says of a program, or of one of its files. */
function complaintsAbout(program, name) {
  const source = name === undefined ? undefined : program.getSourceFile(inRoot(name));
  return ts.getPreEmitDiagnostics(program, source).map(({ file, messageText }) => {
    const where = file === undefined ? '' : `${path.relative(root, file.fileName)}: `;
    return where + ts.flattenDiagnosticMessageText(messageText, '\n');
  });
}

const complaintsOf = (files, more) => complaintsAbout(programOf(files, more));

const commonjs = 'test/types/consumer.cts';
const esm = 'test/types/consumer.mts';
const integers = 'test/types/integers.mts';
const koffi2 = { paths: { koffi: [inRoot('node_modules/koffi2/index.d.ts')] } };
const bundler = { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler };
const node16 = { module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16 };

/** The typings of a Koffi that is as old as we allow: without what came later. */
function oldestKoffi() {
  const typings = fs.readFileSync(inRoot('node_modules/koffi2/index.d.ts'), 'utf8');
  const file = inRoot('build/types/oldest-koffi.d.ts');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, typings.replace(/^export function (alloc|view)\(.*$/gm, ''));
  return { paths: { koffi: [file] } };
}

const compiles = (_, files, options) => expect(complaintsOf(files, options)).toEqual([]);

test.each([
  ['without the types of Node and Symbol.dispose', [commonjs, esm, integers], {}],
  ['with Koffi 2', [commonjs, esm], koffi2],
])('compiles %s', compiles);

combinations.test.each([
  ['for a bundler', [esm], bundler],
  ['with the oldest Koffi', [commonjs, esm], oldestKoffi()],
  ['as Node 16 resolves modules', [esm], node16],
  ['as Node 16 resolves modules, CommonJS', [commonjs], node16],
])('compiles %s', compiles);

// The declarations themselves are checked above, and with the types of Node by `npm run lint`.
const example = { types: ['node'], skipLibCheck: true };

// As in a package that depends on ours: what is exported needs a name that leads through our entry points.
describe('a library can export what it declares', () => {
  const directory = inRoot('build/types/library');
  const ours = path.join(directory, 'node_modules/ffi-tally');

  beforeAll(() => {
    fs.rmSync(directory, { recursive: true, force: true });
    fs.mkdirSync(ours, { recursive: true });
    fs.copyFileSync(inRoot('package.json'), path.join(ours, 'package.json'));
    fs.cpSync(inRoot('types'), path.join(ours, 'types'), { recursive: true });
    fs.cpSync(inRoot('node_modules/koffi'), path.join(directory, 'node_modules/koffi'), {
      recursive: true,
      filter: (file) => fs.statSync(file).isDirectory() || /\.d\.ts$|\/package\.json$/.test(file),
    });
    const source = fs.readFileSync(path.join(__dirname, 'library.mts'), 'utf8');
    fs.writeFileSync(path.join(directory, 'package.json'), '{ "name": "library" }');
    fs.writeFileSync(path.join(directory, 'index.mts'), source);
    fs.writeFileSync(path.join(directory, 'index.cts'), source);
  });

  test.each([['index.mts', {}], ['index.cts', {}], ...(isWhole ? [['index.cts', node16]] : [])])(
    '%s %j',
    (name, more) => {
      const options = { ...base, ...more, noEmit: false, declaration: true, emitDeclarationOnly: true };
      const program = ts.createProgram([path.join(directory, name)], options, hostFor(options));
      let text;
      const { diagnostics } = program.emit(undefined, (file, written) => (text = written));
      const complaints = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
      expect(complaints.map(({ messageText }) => messageText)).toEqual([]);
      expect(text).toMatch(
        / open: .*Func<\(\w+: .*StringArgument, \w+: .*Place<"LibraryDatabase">\) => number>;/,
      );
      expect(text).not.toMatch(/: any;|types\//);
    },
  );
});

// Each block is a file of its own, as a reader copies it. One that declares something for all files is a program of its own as
// well: it must not be there for another. They are run by readme.test.js.
describe('examples in TypeScript compile', () => {
  const directory = 'build/typescript-blocks';
  const blocks = ['README.md', ...fs.readdirSync(inRoot('docs')).map((name) => `docs/${name}`)]
    .filter((page) => page.endsWith('.md'))
    .flatMap((page) => {
      const text = fs.readFileSync(inRoot(page), 'utf8');
      return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(({ 1: code, index }) => {
        const line = text.slice(0, index).split('\n').length;
        return { page, line, code, file: `${directory}/${page.replace(/\W/g, '-')}-${line}.mts` };
      });
    });

  beforeAll(() => {
    // Inside of the repository, where 'ffi-tally' means the repository itself.
    fs.rmSync(inRoot(directory), { recursive: true, force: true });
    fs.mkdirSync(inRoot(directory), { recursive: true });
    for (const { file, code } of blocks) fs.writeFileSync(inRoot(file), code);
  });

  const declaresForAll = ({ code }) => /^\s*declare\b/m.test(code);
  const program = 'examples/sqlite.mts';
  let others;
  function complaintsInOthers(name) {
    const isOther = (each) => !declaresForAll(each);
    others ??= programOf([program, ...blocks.filter(isOther).map((each) => each.file)], example);
    expect(others.getSourceFile(inRoot(name))).toBeDefined();
    return complaintsAbout(others, name);
  }

  test(program, () => expect(complaintsInOthers(program)).toEqual([]));

  test.each(blocks)('$page, line $line', (block) => {
    const complaints = declaresForAll(block)
      ? complaintsOf([block.file], example)
      : complaintsInOthers(block.file);
    expect(complaints).toEqual([]);
  });
});
