'use strict';
// The typings declare what there is. In types/, compile.test.js has them compiled; what they say is tested by the compiler
// itself.

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
    const values = fs
      .readFileSync(inRoot('types/koffi.d.ts'), 'utf8')
      .matchAll(/^export (?:const|function) (\w+)/gm);
    const named = fs.readFileSync(inRoot('lib/ffi/koffi/index.mjs'), 'utf8').match(/\w+(?=,$)/gm);
    expect([...values].map(([, name]) => name).filter((name) => !named.includes(name))).toEqual([]);
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
