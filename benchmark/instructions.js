'use strict';
// How many instructions calls through ffi-tally take, and through plain Koffi, by cachegrind: the machine may be as busy as it
// likes. A dozen functions, each called on a line of its own, as programs do. Usage: node benchmark/instructions.js

const { spawnSync } = require('node:child_process');
const os = require('node:os');
const path = require('node:path');

const FUNCTIONS = 12;
const COUNTS = [100_000, 600_000]; // the difference is what calls take
const WARM_UP = { rounds: 25, calls: 4000, pause: 30 }; // V8 compiles meanwhile

const lines = (write) => Array.from({ length: FUNCTIONS }, (_, i) => write(`f${i}`)).join('\n');
const program = (koffi, type, declare, line) => `
  const koffi = require(${JSON.stringify(koffi)});
  const library = koffi.load(null);
  const free = library.func('void free(void *block)');
  ${type}
  ${lines((name) => `const ${name} = library.func('${declare}');`)}
  const one = ${/\bp\b/.test(line('f')) ? "library.func(type + ' malloc(size_t bytes)')(64)" : 'null'};
  const run = (p, count) => { for (let i = 0; i < count; i++) { ${lines(line)} } };
  let round = 0;
  (function warm() {
    run(one, ${WARM_UP.calls / FUNCTIONS});
    if (++round < ${WARM_UP.rounds}) setTimeout(warm, ${WARM_UP.pause});
    else run(one, process.argv[1] / ${FUNCTIONS});
  })();
`;

const PLAIN = "const type = 'void *';";
const OWNED = `const type = koffi.owned('Memory', 'void *', { free: 'free', size: (_, bytes) => bytes }) && 'Memory';`;
const ours = path.join(__dirname, '../lib/ffi/koffi');
const theirs = require.resolve('koffi');
const borrow = ['size_t malloc_usable_size(void *block)', (name) => `${name}(p);`];
const programs = {
  'lend a pointer, plain Koffi': program(theirs, PLAIN, ...borrow),
  'lend a pointer, ffi-tally': program(ours, OWNED, ...borrow),
  'lend an address, nothing owned': program(ours, PLAIN, ...borrow),
  'make and free, plain Koffi': program(
    theirs,
    PLAIN,
    'void *malloc(size_t bytes)',
    (name) => `free(${name}(64));`,
  ),
  'make and dispose, ffi-tally': program(
    ours,
    OWNED,
    'Memory malloc(size_t bytes)',
    (name) => `${name}(64).dispose();`,
  ),
};

function instructions(code, count) {
  const valgrind = ['--tool=cachegrind', '--cache-sim=no', `--cachegrind-out-file=${os.devNull}`];
  const { error, stderr } = spawnSync('valgrind', [...valgrind, process.execPath, '-e', code, count], {
    encoding: 'utf8',
  });
  if (error) throw error;
  return Number(/I\s+refs:\s+([\d,]+)/.exec(stderr)[1].replaceAll(',', ''));
}

for (const [name, code] of Object.entries(programs)) {
  const [few, many] = COUNTS.map((count) => instructions(code, count));
  console.log(`${name.padEnd(30)} ${Math.round((many - few) / (COUNTS[1] - COUNTS[0]))}`);
}
