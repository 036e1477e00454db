/** @jest-environment ./test/support/once.js */
'use strict';
// The signatures that the typings read out of prototypes, against what Koffi does with the same prototypes.

const path = require('node:path');
const ts = require('typescript');
const koffi = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');

const platform = require('../../support/platform.js');

const root = path.join(__dirname, '../../..');
const libc = koffi.load(platform.libc);

/** What the compiler makes of prototypes: for each, the result and the first parameter as text. */
function inferred(prototypes) {
  const file = path.join(root, 'test/types/in-memory.mts').replaceAll(path.sep, '/'); // as the compiler says it
  const lines = prototypes.map((text, i) => `export type T${i} = Signature<${JSON.stringify(text)}>;`);
  const source = `import type { Signature } from 'ffi-tally/koffi';\n${lines.join('\n')}`;
  const options = { module: ts.ModuleKind.NodeNext, strict: true, types: [], skipLibCheck: true };
  const host = ts.createCompilerHost(options);
  const { fileExists, getSourceFile } = host;
  host.fileExists = (name) => name === file || fileExists.call(host, name);
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, source, ...rest) : getSourceFile.call(host, name, ...rest);
  const program = ts.createProgram([file], options, host);
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(file));
  return checker.getExportsOfModule(module).map((symbol) => {
    const [signature] = checker.getDeclaredTypeOfSymbol(symbol).getCallSignatures();
    const [parameter] = signature.getParameters();
    const describe = (type) => checker.typeToString(type, undefined, ts.TypeFormatFlags.InTypeAlias);
    return {
      result: describe(signature.getReturnType()),
      parameter: describe(checker.getTypeArguments(checker.getTypeOfSymbol(parameter))[0]),
    };
  });
}

const nameOf = (value) => (value === null ? 'null' : typeof value);

// abs() returns what it is given where that is positive; of other types it shows at least what Koffi makes of the result.
const call = (prototype, value) => libc.func(prototype)(value);

const more = koffi.type === undefined ? [] : ['wstring']; // of Koffi 3, where koffi.types does not have it
const names = [...Object.keys(koffi.types), ...more].filter((name) => name !== 'void');
const isString = (name) => /^w?str/.test(name);
const prototypes = names.map((name) => (isString(name) ? `${name} getenv(str x)` : `${name} abs(${name} x)`));
const pointers = ['void *', 'uint8_t *', 'char **', 'void *const *', 'Unknown *'].map(
  (type) => `${type}calloc(int n)`,
);
const spellings = [
  ['const char * strchr(const char *x)', ['string | null']],
  ['unsigned  long\n long labs(unsigned\tlong  long x) ;', ['number | bigint']],
  ['const int __cdecl abs(const int x)', ['number']],
  ['char * __stdcall getenv(char *x)', ['string | null']],
  ['char abs(long longer)', ['number']],
  ['void*malloc(size_t)', ['bigint | null', 'NativeExternal | null']],
];
// What C leaves in [null], and what the array may hold by its type.
const strings = ['char **', 'const char *const *', 'char16_t **', 'str *', 'string *'];
const addresses = ['void **', 'int **', 'Unknown **'];
const places = [...strings, ...addresses, 'int *'].map((type) => `_Out_ ${type}`);
const types = inferred([
  ...prototypes,
  ...pointers,
  ...spellings.map(([prototype]) => prototype),
  ...places.map((place) => `int f(${place}end)`),
]);

test.each(names.map((name, i) => [name, prototypes[i], types[i]]))(
  '%s',
  (name, prototype, { result, parameter }) => {
    if (isString(name)) {
      expect(result).toBe('string | null');
      expect(nameOf(call(prototype, 'FFI_TALLY_NO_SUCH_VARIABLE'))).toBe('null');
      return;
    }
    expect(result).toBe(parameter);
    const given = name === 'bool' ? true : 1;
    expect(result.split(' | ')).toContain(nameOf(call(prototype, given)));

    const isFloat = ['float', 'double'].some((float) => name.startsWith(float));
    // The typings do not know of a platform, and on Windows a long has 32 bits.
    const wide = !isFloat && (koffi.sizeof(name) === 8 || /^(unsigned )?u?long( int)?$/.test(name));
    expect(result).toBe(wide ? 'number | bigint' : name === 'bool' ? 'boolean' : 'number');
  },
);

test('integers of 64 bits are bigint when they have to be, and can be given so', () => {
  expect(call('int64_t llabs(int64_t x)', 2n ** 60n)).toBe(2n ** 60n);
  expect(call('int64_t llabs(int64_t x)', 2n ** 52n)).toBe(2 ** 52);
  expect(call('size_t llabs(size_t x)', 7)).toBe(7);
});

test('pointers', () => {
  const results = types.slice(prototypes.length).slice(0, pointers.length);
  for (const { result } of results) expect(['bigint | null', 'NativeExternal | null']).toContain(result);
  const calloc = libc.func('void *calloc(size_t n, size_t size)');
  expect(calloc(2 ** 60, 1)).toBe(null);
  expect(['bigint', 'object']).toContain(typeof calloc(1, 1));
});

test.each(spellings)('a spelling that Koffi takes: %s', (prototype, results) => {
  expect(typeof libc.func(prototype)).toBe('function');
  const at = prototypes.length + pointers.length + spellings.findIndex(([text]) => text === prototype);
  expect(results).toContain(types[at].result);
});

test.each(places.map((place, i) => [place, types.at(i - places.length).parameter]))(
  'what C leaves in %s',
  (place, parameter) => {
    if (place.includes('Unknown')) koffi.opaque('Unknown');
    const end = [null];
    libc.func(`long strtol(const char *text, ${place}end, int base)`)('12 and more', end, 10);
    const kinds = /\(([^()]*)\)\[\]/.exec(parameter)[1].split(' | ');
    expect(kinds).toContain('null');
    // The compiler sees Koffi 3, whose pointers are bigints.
    expect(kinds).toContain(nameOf(end[0]) === 'object' ? 'bigint' : nameOf(end[0]));
  },
);
