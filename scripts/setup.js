'use strict';
// Brings a fresh clone to the point where everything runs: dependencies installed, the addon built.
// Does nothing that is already done, so that every script can begin with it.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const root = path.join(__dirname, '..');

function newest(...names) {
  let time = 0;
  for (const name of names) {
    const file = path.join(root, name);
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    if (stat.isDirectory()) {
      for (const entry of fs.readdirSync(file)) time = Math.max(time, newest(path.join(name, entry)));
    } else {
      time = Math.max(time, stat.mtimeMs);
    }
  }
  return time;
}

function run(title, command, args) {
  console.log(`${title} ...`);
  const shell = process.platform === 'win32';
  const { status, stdout, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    shell,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status === 0) return;
  process.stderr.write(stdout ?? '');
  console.error(`${title} failed: ${error?.message ?? `${command} ended with ${status}`}`);
  process.exit(1);
}

function installDependencies() {
  const installed = newest('node_modules/.package-lock.json');
  if (installed >= newest('package-lock.json')) return;
  run('Installing dependencies', 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
}

function buildAddon() {
  if (newest('build/Release/ffi_tally.node') > newest('native', 'binding.gyp')) return;
  const gyp = require.resolve('node-gyp/bin/node-gyp.js', { paths: [root] });
  const args = [gyp, 'configure', 'build', '--loglevel=warn'];
  // Headers that came with this Node make the build independent of the network.
  const prefix = path.dirname(path.dirname(process.execPath));
  if (fs.existsSync(path.join(prefix, 'include/node/node_api.h'))) args.push(`--nodedir=${prefix}`);
  run('Building the addon', process.execPath, args);
}

installDependencies();
buildAddon();
