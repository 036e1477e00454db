'use strict';
// The typings against the library: the same names on both sides, and no complaint from the compiler, in the set-ups that
// our own tsconfig.json is not. What the types say is tested by the compiler itself, in test/types/.

const fs = require('node:fs');
const path = require('node:path');
const ts = require('typescript');
const koffi = require('ffi-tally/koffi');
const tally = require('ffi-tally');

const root = path.join(__dirname, '..');
const inRoot = (name) => path.join(root, name);

const base = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2022.d.ts'],
  strict: true,
  noEmit: true,
  types: [],
};

function complaintsOf(files, options) {
  const program = ts.createProgram(files.map(inRoot), { ...base, ...options });
  return ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    const where = file === undefined ? '' : `${path.relative(root, file.fileName)}: `;
    return where + ts.flattenDiagnosticMessageText(messageText, '\n');
  });
}

const commonjs = 'test/types/consumer.cts';
const esm = 'test/types/consumer.mts';
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

test.each([
  ['without the types of Node and Symbol.dispose', [commonjs, esm], {}],
  ['with Koffi 2', [commonjs, esm], koffi2],
  ['with the oldest Koffi', [commonjs, esm], oldestKoffi()],
  ['for a bundler', [esm], bundler],
  ['as Node 16 resolves modules', [esm], node16],
  // Koffi 3 has typings for ESM only, which these compilers do not let CommonJS see.
  ['as Node 16 resolves modules, CommonJS', [commonjs], { ...node16, skipLibCheck: true }],
])('compiles %s', (_, files, options) => {
  expect(complaintsOf(files, options)).toEqual([]);
});

// Each block on its own, as a reader copies it: what one declares for all files must not be there for another. They are
// run by readme.test.js.
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

  test.each(blocks)('$page, line $line', ({ file }) => {
    expect(complaintsOf([file], { types: ['node'] })).toEqual([]);
  });
});

describe('declares what there is', () => {
  const program = ts.createProgram(['types/index.d.ts', 'types/koffi.d.ts'].map(inRoot), base);
  const checker = program.getTypeChecker();
  const moduleOf = (name) => checker.getSymbolAtLocation(program.getSourceFile(inRoot(name)));
  const index = checker.getExportsOfModule(moduleOf('types/index.d.ts'));

  const isValue = (symbol) => {
    const { flags } = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return (flags & ts.SymbolFlags.Value) !== 0;
  };
  const namesOf = (symbols) => symbols.map(({ name }) => name).sort();
  const find = (name) => index.find((symbol) => symbol.name === name);
  const membersOf = (name) =>
    namesOf(checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(find(name)))).filter(
      (member) => !member.startsWith('__@'),
    );
  const keysOf = (object) => Object.keys(object).sort();

  test('ffi-tally', () => {
    expect(namesOf(index.filter(isValue))).toEqual(keysOf(tally));
  });

  test('ffi-tally/koffi: whatever Koffi does not have', () => {
    const declared = namesOf(checker.getExportsOfModule(moduleOf('types/koffi.d.ts')).filter(isValue));
    const added = keysOf(koffi).filter((name) => !(name in require('koffi')));
    expect(declared).toEqual(expect.arrayContaining(added));
  });

  test('TrackedPointer', () => {
    const members = Object.getOwnPropertyNames(tally.TrackedPointer.prototype);
    expect(membersOf('TrackedPointer')).toEqual(members.filter((name) => name !== 'constructor').sort());
  });

  test('the objects that are returned', () => {
    tally.track(4096n, { size: 1, free: null }).dispose();
    const stats = tally.stats();
    expect(membersOf('Stats')).toEqual(keysOf(stats));
    const compared = 'compared'; // where declared sizes are compared with measured ones
    expect(membersOf('AccountStats').filter((name) => name !== compared)).toEqual(keysOf(stats.accounts[0]));
    expect(membersOf('MemoryUsage')).toEqual(keysOf(tally.memoryUsage()));
    expect(membersOf('MemoryTerms')).toEqual(keysOf(tally.memoryUsage().terms));
    expect(membersOf('Settings')).toEqual(keysOf(tally.configure()));
    expect(membersOf('Collected')).toEqual(keysOf(tally.collect()));
  });

  test('every code, here and in docs/errors.md', () => {
    const source = fs.readFileSync(inRoot('lib/support/errors.js'), 'utf8');
    const codes = [...new Set(source.match(/\bERR_TALLY_\w+/g))].sort();
    expect(codes.length).toBeGreaterThan(0);

    const union = checker.getDeclaredTypeOfSymbol(find('TallyErrorCode'));
    expect(union.types.map(({ value }) => value).sort()).toEqual(codes);

    const page = fs.readFileSync(inRoot('docs/errors.md'), 'utf8');
    const headings = [...page.matchAll(/^## `(\w+)`$/gm)].map(([, code]) => code);
    expect(headings.sort()).toEqual(codes);
    const classes = [...page.matchAll(/^\| \[`(\w+)`\]\(#(\w+)\) +\| `(\w+)`/gm)];
    expect(classes.map(([, code]) => code).sort()).toEqual(codes);
    for (const [, code, anchor, name] of classes) {
      expect(anchor).toBe(code.toLowerCase());
      expect(page).toMatch(new RegExp(`^## \`${code}\`\n\n\`${name}\``, 'm'));
    }
  });
});
