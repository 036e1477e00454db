'use strict';
// Compiles the C libraries of the tests: the referee, counting/counting.c, twice, because the second copy is for tests
// that unload a library; and on Linux two allocators to be preloaded.

const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');

const directory = path.join(__dirname, 'build');
const extension = process.platform === 'darwin' ? '.dylib' : '.so';

const modified = (file) => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function build(name, from = name, more = []) {
  const source = path.join(__dirname, `${from}/${from}.c`);
  const target = path.join(directory, `lib${name}${extension}`);
  if (modified(target) > modified(source)) return target;
  fs.mkdirSync(directory, { recursive: true });
  // Renamed when complete: another test process may be loading or building it at this moment.
  const unfinished = `${target}.${process.pid}`;
  const flags = [
    '-std=c11',
    '-O2',
    '-g',
    '-Wall',
    '-Wextra',
    '-Wpedantic',
    '-Werror',
    '-shared',
    '-fPIC',
    '-pthread',
    ...more,
  ];
  execFileSync(process.env.CC ?? 'cc', [...flags, '-o', unfinished, source], { stdio: 'inherit' });
  fs.renameSync(unfinished, target);
  return target;
}

module.exports = () => ({
  counting: build('counting'),
  counting2: build('counting2', 'counting'),
  // Without -fno-builtin, calling memalign() and clearing becomes a call of calloc(), which is itself.
  stranger: process.platform === 'linux' ? build('stranger', 'stranger', ['-fno-builtin']) : undefined,
  scarce: process.platform === 'linux' ? build('scarce') : undefined,
});
