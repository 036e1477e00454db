'use strict';
// Fuzzes the core that knows nothing of Node, with libFuzzer, ASan and UBSan.
//   node scripts/fuzz.js [--seconds=60] [TARGET ...]    that long for each; nothing named: all, as below
//   node scripts/fuzz.js TARGET <file>                  what a file that libFuzzer has left does
// What was learnt is kept in build/fuzz, and the next run begins with it.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { root, hasTool, run, skip } = require('./tools.js');

const TARGETS = ['ledger', 'pacer', 'meter', 'transit'];
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

function main(args) {
  const seconds = Number(args.find((arg) => arg.startsWith('--seconds='))?.slice('--seconds='.length) ?? 60);
  const rest = args.filter((arg) => !arg.startsWith('--'));
  const targets = rest.filter((arg) => TARGETS.includes(arg));
  const file = rest.find((arg) => !TARGETS.includes(arg));
  if (!(seconds > 0) || (file !== undefined && (targets.length !== 1 || !fs.existsSync(file)))) {
    console.error(
      `usage: node scripts/fuzz.js [--seconds=60] [${TARGETS.join('] [')}], or one of them and a file`,
    );
    return false;
  }
  if (!hasTool('cmake')) return skip('fuzzing', 'cmake is not installed');
  if (!hasTool('clang++')) return skip('fuzzing', 'clang is not installed');
  if (!build()) return false;
  const failed = (targets.length > 0 ? targets : TARGETS).filter((target) => !fuzz(target, seconds, file));
  console.log(failed.length > 0 ? `FAILED: ${failed.join(', ')}` : 'Nothing was found.');
  return failed.length === 0;
}

process.exitCode = main(process.argv.slice(2)) ? 0 : 1;
