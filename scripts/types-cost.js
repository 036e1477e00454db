'use strict';
// What it costs a compiler to read signatures out of prototypes: checks files of 0, 250 and 500 functions and compares
// what `--extendedDiagnostics` counts. Times are printed, counts are judged: the work for one function has a bound,
// and twice the functions are not more than twice the work.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { compilers, root } = require('./tools.js');

const PER_FUNCTION = 600; // instantiations of types; a function here takes 5 arguments on average

// No name of a function, parameter or struct comes twice: little is answered from a cache of types.
const RESULTS = [
  'int',
  'void',
  'const char *',
  'unsigned long long',
  'CostImage',
  'gdImage *',
  'Status',
  'bool',
];
const PARAMETERS = [
  ['int x$', '1'],
  ['const char *text$', "'text'"],
  ['size_t size$', '1n'],
  ['Struct$ *struct$', '{ x: 1 }'],
  ['_Out_ int *count$', '[0]'],
  ['CostImage image$', 'image'],
  ['unsigned long long wide$', '1'],
  ['const void *data$', 'new Uint8Array(1)'],
  ['Enum$ value$', 'null'],
  ['_Out_ CostImage *place$', '[image]'],
  ['double y$', '0.5'],
];

/** A declaration, and a call: before that, a compiler does not look at the whole signature. */
function lines(i) {
  const parameters = Array.from({ length: i % 11 }, (_, k) => PARAMETERS[(i + 3 * k) % PARAMETERS.length]);
  const list = parameters.map(([text], k) => text.replaceAll('$', `${i}_${k}`)).join(', ') || 'void';
  const values = parameters.map(([, value]) => value).join(', ');
  return `const f${i} = lib.func('${RESULTS[i % RESULTS.length]} function${i}(${list})');
export const r${i} = f${i}(${values});`;
}

function source(count) {
  return `import { load } from 'ffi-tally/koffi';
import type { TrackedPointer } from 'ffi-tally';
declare global {
  namespace FfiTally {
    interface OwnedTypes {
      CostImage: 'gdImage *';
    }
  }
}
const lib = load('library.so');
declare const image: TrackedPointer<'CostImage'>;
// @ts-expect-error -- were this any, nothing would be measured
const wrong: string = lib.func('int f(int x)')(1);
${Array.from({ length: count }, (_, i) => lines(i)).join('\n')}
`;
}

function measure(compiler, count) {
  // Below the repository, so that it finds the package by its own name.
  const directory = path.join(root, 'build/types-cost');
  fs.mkdirSync(directory, { recursive: true });
  fs.writeFileSync(path.join(directory, 'functions.mts'), source(count));
  const compilerOptions = {
    ...{ noEmit: true, strict: true, skipLibCheck: true, types: [] },
    ...{ target: 'es2022', module: 'nodenext' },
  };
  const config = JSON.stringify({ compilerOptions, files: ['functions.mts'] });
  fs.writeFileSync(path.join(directory, 'tsconfig.json'), config);
  const args = [compiler.file, '--project', directory, '--extendedDiagnostics'];
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${compiler.name} did not accept ${count} functions:\n${stdout}`);
  const find = (name) => Number(new RegExp(`^${name}:\\s+([\\d.]+)`, 'm').exec(stdout)[1]);
  return { instantiations: find('Instantiations'), types: find('Types'), seconds: find('Check time') };
}

function judge(compiler) {
  const [none, half, all] = [0, 250, 500].map((count) => measure(compiler, count));
  const first = half.instantiations - none.instantiations;
  const second = all.instantiations - half.instantiations;
  const each = Math.round((first + second) / 500);
  console.log(
    `TypeScript ${compiler.version}: 500 functions: ${all.instantiations} instantiations, ${each} for each ` +
      `(at most ${PER_FUNCTION}); ${all.types} types; ${all.seconds} s to check, ${none.seconds} s of it without them`,
  );
  if (each > PER_FUNCTION) return false;
  return second < first * 1.2;
}

const results = compilers().map(judge);
process.exitCode = results.every(Boolean) ? 0 : 1;
