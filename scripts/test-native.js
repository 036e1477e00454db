'use strict';
// Builds and runs the GoogleTest suite of the core that knows nothing of Node, and what Relacy Race Detector finds in
// its lock-free parts.
// --sanitize=address,undefined or --sanitize=thread compiles it with these sanitizers; the other arguments are
// GoogleTest's own.

const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { root, hasTool, run, skip } = require('./tools.js');

function build(sanitizers) {
  const suffix = sanitizers === '' ? '' : sanitizers.includes('thread') ? '-tsan' : '-asan';
  const directory = path.join(root, `build/native-tests${suffix}`);
  const args = [
    '-S',
    'test/native',
    '-B',
    directory,
    '-DCMAKE_BUILD_TYPE=RelWithDebInfo',
    `-DSANITIZE=${sanitizers}`,
  ];
  const configured = spawnSync('cmake', args, { cwd: root, encoding: 'utf8' });
  if (configured.status !== 0) {
    process.stderr.write(configured.stdout + configured.stderr);
    return { missing: configured.stderr.includes('GoogleTest is not installed') };
  }
  if (!run('cmake', ['--build', directory, '--parallel', String(os.cpus().length)])) return {};
  const names = ['native_tests'];
  const relacy = !configured.stdout.includes('Relacy Race Detector is not installed');
  if (sanitizers === '' && relacy) names.push('model_tests');
  return { relacy, executables: names.map((name) => path.join(directory, name)) };
}

function main() {
  const option = process.argv.slice(2).find((arg) => arg.startsWith('--sanitize='));
  const gtestArgs = process.argv.slice(2).filter((arg) => arg !== option);
  if (!hasTool('cmake')) return skip('native tests', 'cmake is not installed');
  const { missing, relacy, executables } = build(option?.slice('--sanitize='.length) ?? '');
  if (missing) return skip('native tests', 'GoogleTest is not installed');
  if (executables === undefined) return false;
  const env = {
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    // The meters are asked for more than there is.
    ASAN_OPTIONS: 'detect_stack_use_after_return=1:allocator_may_return_null=1',
    TSAN_OPTIONS: 'allocator_may_return_null=1',
    ...process.env,
  };
  const failed = executables.filter((each) => !run(each, ['--gtest_brief=1', ...gtestArgs], { env }));
  const modelled = relacy || skip('models of the lock-free parts', 'Relacy Race Detector is not installed');
  return failed.length === 0 && modelled;
}

process.exitCode = main() ? 0 : 1;
