'use strict';
// The addon inside Node under tools that see every access to memory.
//   node scripts/test-memory.js [address] [exact] [leaks] [valgrind]      nothing named: all of them
// address: AddressSanitizer and UndefinedBehaviorSanitizer, with most of the Jest suite. exact: the same, with random programs
// of libraries that are counted.
// leaks: LeakSanitizer, with the acceptance script. valgrind: Memcheck, with the acceptance script.
// The first three build an instrumented copy in build/sanitized, so that what is installed stays as it is.

const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { buildCopy } = require('./instrumented.js');
const { root, hasTool, run, skip } = require('./tools.js');

const copy = path.join(root, 'build/sanitized');
// Left out are the suites that run no native code of ours, and four that no sanitizer allows: allocating with the
// sanitizer's malloc() and freeing with the free() of libc's own address, asking mallinfo2(), loading with RTLD_DEEPBIND.
const SUITES = [
  'test/([a-z]+/)?(collect|configure|process-exit|gc|model|no-gc|report-external|stats|track|tracked-pointer|worker)\\.test',
  'test/ffi/koffi/(async|callbacks|library|memory|owned|parameters|views)\\.test',
];

const SANITIZE = '-fsanitize=address,undefined';
const CXXFLAGS = `${SANITIZE} -fno-sanitize-recover=undefined -fno-omit-frame-pointer -UNDEBUG -g`;

// The preloaded runtime, which must come before every other library.
function runtime() {
  const file = execFileSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
  return path.isAbsolute(file) ? fs.realpathSync(file) : undefined;
}

function runSanitized(args, asanOptions, env = {}) {
  if (process.platform !== 'linux') return skip('sanitizers inside Node', 'done on Linux only');
  if (!hasTool('g++')) return skip('sanitizers inside Node', 'g++ is not installed');
  const library = runtime();
  if (library === undefined) return skip('sanitizers inside Node', 'libasan is not installed');
  if (!buildCopy(copy, CXXFLAGS, SANITIZE)) return false;
  return run(process.execPath, args, {
    cwd: copy,
    env: {
      ...process.env,
      LD_PRELOAD: library,
      ASAN_OPTIONS: `allocator_may_return_null=1:${asanOptions}`,
      UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
      ...env,
    },
  });
}

function withFile(name, text, use) {
  fs.mkdirSync(path.join(root, 'build'), { recursive: true });
  const file = path.join(root, 'build', name);
  fs.writeFileSync(file, text);
  return use(file);
}

const steps = {
  address: () => runSanitized(['scripts/test.js', '--ci', ...SUITES], 'detect_leaks=0'),

  exact: () => runSanitized(['test/programs/ffi/koffi/exact-random.js', '10'], 'detect_leaks=0'),

  // Koffi keeps its libraries, types and the externals of its functions for good.
  leaks: () =>
    withFile('lsan.supp', 'leak:koffi.node\n', (file) =>
      runSanitized(['--expose-gc', 'test/acceptance.js'], 'detect_leaks=1', {
        LSAN_OPTIONS: `suppressions=${file}:print_suppressions=0`,
      }),
    ),

  valgrind: () => {
    if (!hasTool('valgrind')) return skip('valgrind', 'not installed');
    // The script itself asks msync() whether a page has gone.
    const suppressions = '{\n  unmapped on purpose\n  Memcheck:Param\n  access(pathname)\n  fun:access\n}\n';
    return withFile('valgrind.supp', suppressions, (file) =>
      run('valgrind', [
        ...['--quiet', '--error-exitcode=9', `--suppressions=${file}`],
        // V8 writes code while it runs, and reads what it never wrote.
        ...['--smc-check=all-non-file', '--undef-value-errors=no'],
        ...['--fair-sched=yes', process.execPath, '--expose-gc', 'test/acceptance.js'],
      ]),
    );
  },
};

function main(wanted) {
  const unknown = wanted.filter((name) => !(name in steps));
  if (unknown.length > 0) {
    console.error(`Unknown: ${unknown.join(', ')}; there are ${Object.keys(steps).join(', ')}`);
    return false;
  }
  const failed = (wanted.length > 0 ? wanted : Object.keys(steps)).filter((name) => {
    console.log(`\n# ${name}`);
    return !steps[name]();
  });
  console.log(failed.length > 0 ? `FAILED: ${failed.join(', ')}` : 'No error was found.');
  return failed.length === 0;
}

process.exitCode = main(process.argv.slice(2)) ? 0 : 1;
