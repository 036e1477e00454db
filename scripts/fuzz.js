'use strict';
// Fuzzes the core that knows nothing of Node, with libFuzzer, ASan and UBSan; and runs the random programs of the tests, of
// which `npm test` has a few, again and again.
//   node scripts/fuzz.js [--seconds=60] [TARGET ...]    that long for each; nothing named: all, as below
//   node scripts/fuzz.js TARGET <file>                  what a file that libFuzzer has left does
// What was learnt is kept in build/fuzz, and the next run begins with it. A program that fails prints its seed.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { root, hasTool, run, skip } = require('./tools.js');

const TARGETS = ['ledger', 'pacer', 'meter', 'transit'];
const PROGRAMS = {
  model: ['test/support/model.js', '100'],
  views: ['test/support/views-fuzz.js', '5000'],
  workers: ['test/support/transit-model.js', '300'],
  exact: ['test/programs/ffi/koffi/exact-random.js', '10'],
};
const directory = path.join(root, 'build/fuzz');

function build() {
  const args = ['-S', 'test/native', '-B', directory, '-DFUZZ=ON', '-DCMAKE_BUILD_TYPE=RelWithDebInfo'];
  const sanitize = '-DSANITIZE=fuzzer,address,undefined';
  const configured = spawnSync('cmake', [...args, '-DCMAKE_CXX_COMPILER=clang++', sanitize], {
    cwd: root,
    encoding: 'utf8',
  });
  if (configured.status !== 0) {
    process.stderr.write(configured.stdout + configured.stderr);
    return false;
  }
  return run('cmake', ['--build', directory, '--parallel', String(os.cpus().length)]);
}

function fuzz(target, seconds, file) {
  console.log(`\n# ${target}`);
  const executable = path.join(directory, `${target}_fuzz`);
  const env = { UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1', ...process.env };
  if (file !== undefined) return run(executable, [file], { env });
  const corpus = path.join(directory, `corpus-${target}`);
  fs.mkdirSync(corpus, { recursive: true });
  const limits = [`-max_total_time=${seconds}`, '-max_len=4096', '-timeout=20', '-rss_limit_mb=1024'];
  return run(
    executable,
    [...limits, '-print_final_stats=1', '-verbosity=0', `-artifact_prefix=${directory}/`, corpus],
    { env },
  );
}

/** Runs a program, with a seed of its own each time, until the time is over. */
function repeat(target, seconds) {
  console.log(`\n# ${target}`);
  const end = performance.now() + 1000 * seconds;
  do {
    if (!run(process.execPath, ['--expose-gc', '--no-warnings', ...PROGRAMS[target]])) return false;
  } while (performance.now() < end);
  return true;
}

function fuzzAll(targets, seconds, file) {
  if (targets.length === 0) return [];
  if (!hasTool('cmake')) return skip('fuzzing', 'cmake is not installed') ? [] : targets;
  if (!hasTool('clang++')) return skip('fuzzing', 'clang is not installed') ? [] : targets;
  if (!build()) return targets;
  return targets.filter((target) => !fuzz(target, seconds, file));
}

function main(args) {
  const seconds = Number(args.find((arg) => arg.startsWith('--seconds='))?.slice('--seconds='.length) ?? 60);
  const rest = args.filter((arg) => !arg.startsWith('--'));
  const all = [...TARGETS, ...Object.keys(PROGRAMS)];
  const named = rest.filter((arg) => all.includes(arg));
  const file = rest.find((arg) => !all.includes(arg));
  const isReplay = named.length === 1 && TARGETS.includes(named[0]) && fs.existsSync(file ?? '');
  if (!(seconds > 0) || (file !== undefined && !isReplay)) {
    console.error(
      `usage: node scripts/fuzz.js [--seconds=60] [${all.join('] [')}], or one of the first four and a file`,
    );
    return false;
  }
  const wanted = named.length > 0 ? named : all;
  const failed = [
    ...fuzzAll(
      wanted.filter((target) => TARGETS.includes(target)),
      seconds,
      file,
    ),
    ...wanted.filter((target) => target in PROGRAMS && !repeat(target, seconds)),
  ];
  console.log(failed.length > 0 ? `FAILED: ${failed.join(', ')}` : 'Nothing was found.');
  return failed.length === 0;
}

process.exitCode = main(process.argv.slice(2)) ? 0 : 1;
