'use strict';
// Compiles the C libraries of the tests: the referee, counting/counting.c, twice, because the second copy is for tests
// that unload a library; and on Linux two allocators and a cage to be preloaded, and a program that counts what libraries
// allocate.

const fs = require('node:fs');
const path = require('node:path');

const EXTENSIONS = { darwin: 'dylib', win32: 'dll' };

const modified = (file) => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** For another machine than this one: its platform, compilers for it, and what else these need to be told. */
function buildLibraries({
  directory = path.join(__dirname, 'build'),
  platform = process.platform,
  cc = process.env.CC ?? (platform === 'win32' ? 'gcc' : 'cc'),
  cxx = process.env.CXX ?? (platform === 'win32' ? 'g++' : 'c++'),
  flags = [],
} = {}) {
  function compile(name, source, more = []) {
    const isCxx = source.endsWith('.cc');
    const isProgram = more.includes('-fPIE');
    const program = platform === 'win32' ? `${name}.exe` : name;
    const target = path.join(directory, isProgram ? program : `lib${name}.${EXTENSIONS[platform] ?? 'so'}`);
    if (modified(target) > modified(source)) return target;
    fs.mkdirSync(directory, { recursive: true });
    // Renamed when complete: another test process may be loading or building it at this moment.
    const unfinished = `${target}.${process.pid}`;
    const all = [isCxx ? '-std=c++17' : '-std=c11', '-O2', '-g', '-Wall', '-Wextra', '-Wpedantic', '-Werror'];
    all.push('-pthread');
    if (!isProgram) all.push('-shared');
    if (!isProgram && platform !== 'win32') all.push('-fPIC');
    const libraries = platform === 'linux' ? ['-ldl'] : [];
    const args = [...all, ...flags, ...more, '-o', unfinished, source, ...libraries];
    // Only here: most who ask have it all, and each child of the tests does.
    const { execFileSync } = require('node:child_process');
    execFileSync(isCxx ? cxx : cc, args, { stdio: 'inherit' });
    fs.renameSync(unfinished, target);
    return target;
  }
  const build = (name, from = name, more = []) =>
    compile(name, path.join(__dirname, `${from}/${from}.c`), more);
  return {
    counting: build('counting'),
    counting2: build('counting2', 'counting'),
    // Without -fno-builtin, calling memalign() and clearing becomes a call of calloc(), which is itself.
    stranger: platform === 'linux' ? build('stranger', 'stranger', ['-fno-builtin']) : undefined,
    scarce: platform === 'linux' ? build('scarce') : undefined,
    caged: platform === 'linux' ? build('caged') : undefined,
    // In C++, and so only for who asks.
    get containers() {
      return compile('containers', path.join(__dirname, '../native/libraries/containers.cc'));
    },
    get leaks() {
      return compile('leaks', path.join(__dirname, 'leaks/leaks.cc'));
    },
    // Around the allocator of glibc, so only for who asks.
    get control() {
      return build('control', 'control', [
        '-fPIE',
        ...(platform === 'win32' ? [] : ['-pie']),
        '-fno-builtin',
      ]);
    },
    // With all its calls on the stack. The second is for a compiler with another runtime, on Windows, and the third
    // for who loads a plugin.
    get heaps() {
      return build('heaps', 'heaps', ['-fno-optimize-sibling-calls']);
    },
    get heapsMsvcrt() {
      return build('heaps-msvcrt', 'heaps');
    },
    get plugin() {
      return build('plugin', 'heaps');
    },
  };
}

module.exports = buildLibraries;
