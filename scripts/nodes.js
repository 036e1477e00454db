'use strict';
// Other versions of Node, and other runtimes, each from its npm package, kept out of the way of everything that is
// rebuilt or packed.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const cache = path.join(__dirname, '../node_modules/.cache/ffi-tally-nodes');
const { platform, arch } = process;
const windows = platform === 'win32';
const system = windows ? 'win' : platform;

/** [package, executable in it] of a runtime: a major version of Node, 'bun' or 'deno'. */
function packageOf(runtime) {
  if (runtime === 'bun') {
    const machine = arch === 'arm64' ? 'aarch64' : arch;
    return [`@oven/bun-${windows ? 'windows' : platform}-${machine}`, `bin/${windows ? 'bun.exe' : 'bun'}`];
  }
  if (runtime === 'deno') {
    const libc = platform === 'linux' ? '-glibc' : '';
    return [`@deno/${platform}-${arch}${libc}`, windows ? 'deno.exe' : 'deno'];
  }
  return [`node-${system}-${arch}`, `bin/${windows ? 'node.exe' : 'node'}`];
}

const certificates = process.env.FFI_TALLY_TEST_CA_CERTS; // scripts/test.js keeps them from the tests

const prefixOf = (runtime) => path.join(cache, String(runtime));
const directoryIn = (prefix, runtime) => path.join(prefix, 'node_modules', packageOf(runtime)[0]);
const executableIn = (prefix, runtime) => path.join(directoryIn(prefix, runtime), packageOf(runtime)[1]);

/** The Nodes that are installed, as { version, path }. */
function installedNodes() {
  const entries = fs.existsSync(cache) ? fs.readdirSync(cache) : [];
  return entries
    .filter((major) => /^\d+$/.test(major) && fs.existsSync(executableIn(prefixOf(major), major)))
    .sort((a, b) => a - b)
    .map((major) => ({
      version: JSON.parse(
        fs.readFileSync(path.join(directoryIn(prefixOf(major), major), 'package.json'), 'utf8'),
      ).version.replace('v', ''),
      path: executableIn(prefixOf(major), major),
    }));
}

/** Of Bun and Deno what is installed, as { path, args }, what comes before the path of a program. */
function installedOthers() {
  const others = { bun: [], deno: ['run', '--allow-all'] };
  return Object.entries(others)
    .map(([name, args]) => ({ path: executableIn(prefixOf(name), name), args }))
    .filter(({ path: file }) => fs.existsSync(file));
}

/** Returns the path of the newest Node of a major version, of 'bun' or of 'deno'; throws if it cannot be had. */
function installRuntime(runtime) {
  const [name] = packageOf(runtime);
  installPackages(String(runtime), [/^\d+$/.test(runtime) ? `${name}@${runtime}` : name]);
  return executableIn(prefixOf(runtime), runtime);
}

/**
 * Installs packages, for whatever machine they are, below the cache's directory of that name. Returns the path of their
 * node_modules; throws if one cannot be had.
 */
function installPackages(directory, packages) {
  const modules = path.join(prefixOf(directory), 'node_modules');
  if (fs.existsSync(modules)) return modules;
  fs.mkdirSync(cache, { recursive: true });
  // Renamed when complete: other processes may be looking for it, or installing the same one.
  const prefix = fs.mkdtempSync(path.join(cache, '.unfinished-'));
  const args = [
    'install',
    '--force',
    '--ignore-scripts',
    '--no-save',
    '--no-package-lock',
    '--no-audit',
    '--no-fund',
  ];
  // Without a network, npm would try for more than a minute.
  if (process.env.CI !== 'true') args.push('--fetch-retries=0', '--fetch-timeout=60000');
  const { status, error, stdout, stderr } = spawnSync('npm', [...args, '--prefix', prefix, ...packages], {
    cwd: prefix,
    encoding: 'utf8',
    shell: windows,
    env: { ...process.env, ...(certificates && { NODE_EXTRA_CA_CERTS: certificates }) },
  });
  const complete = status === 0;
  try {
    if (complete) fs.renameSync(prefix, prefixOf(directory));
  } catch (error) {
    if (!fs.existsSync(modules)) throw error;
  } finally {
    fs.rmSync(prefix, { recursive: true, force: true });
  }
  if (complete) return modules;
  throw new Error(`Cannot install ${packages.join(' ')}: ${error?.message ?? stdout + stderr}`);
}

module.exports = { installPackages, installRuntime, installedNodes, installedOthers };
